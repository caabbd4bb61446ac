//! Gemini's Batch API (<https://ai.google.dev/gemini-api/docs/batch-api>).

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, Request, Response, Uri, request::Parts};
use scrimp_core::{BoxError, SettingError};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    CodecError, Ended, ItemOutcome, ItemResult, JobCodec, JobDraft, JobEnd, JobLimits, JobPage,
    ListedJob, Progress, Upload, jsonl, read,
};

/// Most bytes of a job without a file. The documentation says below 20 MB for the whole call.
const INLINE: u64 = 19_000_000;

/// The codes of `google.rpc.Status` that the same request would get again, with their statuses in HTTP
/// (<https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>).
const LASTING: [(u64, u16); 3] = [(3, 400), (5, 404), (7, 403)];

/// Batch jobs of Gemini.
///
/// A job of up to 20 MB has its requests in the call that creates it, and a larger one in a file
/// of up to 2 GB; all are for one model. The reference gives no limit on their number; 100,000 is the
/// limit here. A job carries its tag in `displayName`. The reference names no idempotency key, so jobs
/// are listed after a crash.
#[derive(Debug, Clone)]
pub struct GeminiJobs {
    base: String,
    inline: u64,
}

/// A line of a file of results, or one of the results that come with the state.
#[derive(Deserialize)]
struct Line<'a> {
    key: Option<String>,
    metadata: Option<Key>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Key {
    key: Option<String>,
}

// === impl GeminiJobs ===

impl GeminiJobs {
    /// Makes the form for an API at this base, such as `https://generativelanguage.googleapis.com`.
    ///
    /// # Errors
    ///
    /// If the base is no URI with a scheme and an authority.
    pub fn new(base: impl TryInto<Uri, Error: Into<BoxError>>) -> Result<Self, SettingError> {
        let base = read::base("GeminiJobs", base)?;
        Ok(Self {
            base,
            inline: INLINE,
        })
    }

    /// Sets the most bytes of a job without a file. Default, and at most: 19 MB.
    #[must_use]
    pub fn inline_bytes(mut self, bytes: u64) -> Self {
        self.inline = bytes.min(INLINE);
        self
    }

    fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn is_inline(&self, job: &JobDraft<'_>) -> bool {
        let bytes = |item: &super::JobItem| item.body.len() as u64 + self.overhead();
        job.items.iter().map(bytes).sum::<u64>() <= self.inline
    }
}

/// Returns the state without its prefix: the REST API says `BATCH_STATE_…`, and the clients `JOB_STATE_…`.
fn state(operation: &Value) -> &str {
    let state = operation.pointer("/metadata/state").and_then(Value::as_str);
    state
        .and_then(|state| state.rsplit("STATE_").next())
        .unwrap_or_default()
}

impl JobCodec for GeminiJobs {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn limits(&self) -> JobLimits {
        JobLimits {
            items: 100_000,
            bytes: 2_000_000_000,
        }
    }

    fn group(&self, parts: &Parts, body: &[u8]) -> Option<String> {
        let path = read::path_of(parts, &self.base)?;
        let model = path
            .strip_prefix("/v1beta/models/")?
            .strip_suffix(":generateContent")?;
        read::asked(body)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        (!model.is_empty() && model.bytes().all(is_name)).then(|| model.to_owned())
    }

    fn upload(&self, job: &JobDraft<'_>) -> Option<Request<Bytes>> {
        if self.is_inline(job) {
            return None;
        }
        // A resumable upload, of which this is the first call.
        let body = json!({"file": {"display_name": job.file_name()}}).to_string();
        let mut request = read::post_json(&self.uri("/upload/v1beta/files"), body);
        let length = lines(job).len();
        let headers = request.headers_mut();
        let word = HeaderValue::from_static;
        headers.insert("x-goog-upload-protocol", word("resumable"));
        headers.insert("x-goog-upload-command", word("start"));
        headers.insert("x-goog-upload-header-content-length", length.into());
        headers.insert(
            "x-goog-upload-header-content-type",
            word("application/jsonl"),
        );
        Some(request)
    }

    fn uploaded(&self, job: &JobDraft<'_>, answer: &Response<Bytes>) -> Result<Upload, CodecError> {
        let Some(uri) = answer.headers().get("x-goog-upload-url") else {
            let name = read::json(answer.body())?;
            let name = name.pointer("/file/name").and_then(Value::as_str);
            let name = name.ok_or_else(|| CodecError::new("no `file.name`"))?;
            return Ok(Upload::Done(name.to_owned()));
        };
        // Credentials go along, so the file is sent to the API's own host only.
        let uri = uri.to_str().ok().filter(|uri| {
            let path = uri.strip_prefix(&self.base);
            path.is_some_and(|path| path.starts_with('/'))
        });
        let uri = uri.ok_or_else(|| CodecError::new("a place of upload at another host"))?;
        let mut request = read::post(uri, lines(job));
        let headers = request.headers_mut();
        let word = HeaderValue::from_static;
        headers.insert("x-goog-upload-offset", word("0"));
        headers.insert("x-goog-upload-command", word("upload, finalize"));
        Ok(Upload::Next(Box::new(request)))
    }

    fn create(&self, job: &JobDraft<'_>, file: Option<&str>) -> Request<Bytes> {
        let uri = self.uri(&format!(
            "/v1beta/models/{}:batchGenerateContent",
            job.group
        ));
        if let Some(file) = file {
            let input = json!({"file_name": file});
            let body = json!({"batch": {"display_name": job.tag, "input_config": input}});
            return read::post_json(&uri, body.to_string());
        }
        let mut body = BytesMut::new();
        let head = format!(
            r#"{{"batch":{{"display_name":"{}","input_config":{{"requests":{{"requests":["#,
            job.tag
        );
        body.put_slice(head.as_bytes());
        for (at, item) in job.items.iter().enumerate() {
            body.put_slice(if at == 0 {
                b"{\"request\":"
            } else {
                b",{\"request\":"
            });
            jsonl::put_flat(&mut body, &item.body);
            let key = format!(r#","metadata":{{"key":"{}"}}}}"#, item.custom_id);
            body.put_slice(key.as_bytes());
        }
        body.put_slice(b"]}}}}");
        read::post_json(&uri, body.freeze())
    }

    fn created(&self, answer: &[u8]) -> Result<String, CodecError> {
        read::text(&read::json(answer)?, "name")
    }

    fn list(&self, page: Option<&str>) -> Request<Bytes> {
        let page = page.map(|page| format!("&pageToken={}", read::segment(page)));
        let page = page.unwrap_or_default();
        read::get(&self.uri(&format!("/v1beta/batches?pageSize=100{page}")))
    }

    fn listed(&self, _: Option<&str>, answer: &[u8]) -> Result<JobPage, CodecError> {
        let answer = read::json(answer)?;
        let jobs = answer.get("operations").and_then(Value::as_array);
        let jobs = jobs.map_or(&[][..], Vec::as_slice).iter().map(|job| {
            let tag = job.pointer("/metadata/displayName").and_then(Value::as_str);
            // Numbers of 64 bits are strings in Google's JSON.
            let items = job.pointer("/metadata/batchStats/requestCount");
            let items =
                items.and_then(|items| items.as_u64().or_else(|| items.as_str()?.parse().ok()));
            Ok(ListedJob {
                id: read::text(job, "name")?,
                tag: tag.map(str::to_owned),
                items,
                created: None,
            })
        });
        let next = answer.get("nextPageToken").and_then(Value::as_str);
        Ok(JobPage {
            jobs: jobs.collect::<Result<_, CodecError>>()?,
            next: next.filter(|next| !next.is_empty()).map(str::to_owned),
        })
    }

    fn status(&self, job: &str) -> Request<Bytes> {
        read::get(&self.uri(&format!("/v1beta/{}", read::segment(job))))
    }

    fn progress(&self, answer: &[u8]) -> Result<Progress, CodecError> {
        let job = read::json(answer)?;
        let end = match state(&job) {
            "SUCCEEDED" => JobEnd::Completed,
            "FAILED" => JobEnd::Rejected,
            "CANCELLED" | "EXPIRED" => JobEnd::Cut,
            _ => return Ok(Progress::Running),
        };
        // The output is in the operation's response, and in its metadata too.
        let output = |path: &str| {
            let response = job.pointer(&format!("/response{path}"));
            response.or_else(|| job.pointer(&format!("/metadata/output{path}")))
        };
        let file = output("/responsesFile").and_then(Value::as_str);
        let inline = output("/inlinedResponses/inlinedResponses").and_then(Value::as_array);
        let inline = inline.map_or(&[][..], Vec::as_slice).iter();
        Ok(Progress::Ended(Ended {
            end,
            sources: file.map(str::to_owned).into_iter().collect(),
            inline: inline
                .filter_map(|one| self.result(one.to_string().as_bytes()))
                .collect(),
        }))
    }

    fn results(&self, source: &str) -> Request<Bytes> {
        let path = format!(
            "/download/v1beta/{}:download?alt=media",
            read::segment(source)
        );
        read::get(&self.uri(&path))
    }

    fn result(&self, line: &[u8]) -> Option<ItemResult> {
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        let custom_id = line.key.or_else(|| line.metadata?.key)?;
        let outcome = match (line.response, line.error) {
            (Some(response), _) => read::outcome(200, Some(response)),
            (None, Some(error)) => refused(error),
            (None, None) => ItemOutcome::NotProcessed,
        };
        Some(ItemResult { custom_id, outcome })
    }

    fn files(&self, status: &[u8]) -> Vec<String> {
        let mut files = read::texts(
            status,
            &[
                "/metadata/inputConfig/fileName",
                "/response/responsesFile",
                "/metadata/output/responsesFile",
            ],
        );
        files.sort();
        files.dedup();
        files
    }

    fn delete(&self, file: &str) -> Option<Request<Bytes>> {
        let path = format!("/v1beta/{}", read::segment(file));
        file.starts_with("files/")
            .then(|| read::delete(&self.uri(&path)))
    }
}

fn lines(job: &JobDraft<'_>) -> Bytes {
    jsonl::lines(
        job.items,
        |key| format!(r#"{{"key":"{key}","request":"#),
        "}",
    )
}

fn refused(error: &RawValue) -> ItemOutcome {
    let read: Option<Value> = serde_json::from_str(error.get()).ok();
    let code = read.as_ref().and_then(|error| error.get("code")?.as_u64());
    let lasting = LASTING.iter().find(|(lasting, _)| Some(*lasting) == code);
    let Some((_, status)) = lasting else {
        return ItemOutcome::NotProcessed;
    };
    let body = format!(r#"{{"error":{}}}"#, error.get());
    ItemOutcome::Answer {
        status: http::StatusCode::from_u16(*status).expect("a status of three digits"),
        body: body.into(),
    }
}
