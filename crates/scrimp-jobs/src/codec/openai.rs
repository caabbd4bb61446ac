//! OpenAI's Batch API (<https://platform.openai.com/docs/api-reference/batch>).

use bytes::Bytes;
use http::{Request, Response, Uri, request::Parts};
use scrimp_core::{BoxError, SettingError};
use serde_json::{Value, json};

use super::{
    CodecError, Ended, ItemResult, JobCodec, JobDraft, JobEnd, JobLimits, JobPage, ListedJob,
    Progress, Upload, jsonl, multipart, read,
};

/// Paths that the Batch API accepts, as its reference lists them.
const ENDPOINTS: [&str; 5] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/responses",
];

/// Name of the member of `metadata` that holds the job's tag.
const TAG: &str = "scrimp_job";

/// Batch jobs of OpenAI, and of providers that speak its form.
///
/// A file holds up to 50,000 requests and 200 MB, all for one path. The requests of a file should be for one
/// model, so the model is part of the group. A job that expires after 24 h keeps the results that it has.
/// The job carries its tag in `metadata`. The reference names no idempotency key, so jobs
/// are listed after a crash.
#[derive(Debug, Clone)]
pub struct OpenAiJobs {
    base: String,
    idempotent: bool,
}

// === impl OpenAiJobs ===

impl OpenAiJobs {
    /// Makes the form for an API at this base, such as `https://api.openai.com`.
    ///
    /// # Errors
    ///
    /// If the base is no URI with a scheme and an authority.
    pub fn new(base: impl TryInto<Uri, Error: Into<BoxError>>) -> Result<Self, SettingError> {
        let base = read::base("OpenAiJobs", base)?;
        Ok(Self {
            base,
            idempotent: false,
        })
    }

    /// States that the provider makes no second job for a repeated call with the same
    /// `Idempotency-Key`. Default: no.
    #[must_use]
    pub fn idempotency_key(mut self, honoured: bool) -> Self {
        self.idempotent = honoured;
        self
    }

    fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Splits a group into its path and its model.
fn path(group: &str) -> &str {
    group.split_once(' ').map_or(group, |(path, _)| path)
}

impl JobCodec for OpenAiJobs {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn limits(&self) -> JobLimits {
        JobLimits {
            items: 50_000,
            bytes: 200_000_000,
        }
    }

    fn group(&self, parts: &Parts, body: &[u8]) -> Option<String> {
        let path = read::path_of(parts, &self.base)?;
        let model = read::asked(body)?.model?;
        ENDPOINTS.contains(&path).then(|| format!("{path} {model}"))
    }

    fn upload(&self, job: &JobDraft<'_>) -> Option<Request<Bytes>> {
        let path = path(job.group);
        let before =
            |id: &str| format!(r#"{{"custom_id":"{id}","method":"POST","url":"{path}","body":"#);
        let file = jsonl::lines(job.items, before, "}");
        let uri = self.uri("/v1/files");
        Some(multipart::upload(&uri, job.tag, &job.file_name(), &file))
    }

    fn uploaded(&self, _: &JobDraft<'_>, answer: &Response<Bytes>) -> Result<Upload, CodecError> {
        read::text(&read::json(answer.body())?, "id").map(Upload::Done)
    }

    fn create(&self, job: &JobDraft<'_>, file: Option<&str>) -> Request<Bytes> {
        let body = json!({
            "input_file_id": file,
            "endpoint": path(job.group),
            "completion_window": "24h",
            "metadata": {TAG: job.tag},
        });
        read::post_json(&self.uri("/v1/batches"), body.to_string())
    }

    fn created(&self, answer: &[u8]) -> Result<String, CodecError> {
        read::text(&read::json(answer)?, "id")
    }

    fn honours_idempotency_key(&self) -> bool {
        self.idempotent
    }

    fn list(&self, page: Option<&str>) -> Request<Bytes> {
        let after = page.map(|page| format!("&after={}", read::segment(page)));
        let after = after.unwrap_or_default();
        read::get(&self.uri(&format!("/v1/batches?limit=100{after}")))
    }

    fn listed(&self, _: Option<&str>, answer: &[u8]) -> Result<JobPage, CodecError> {
        let answer = read::json(answer)?;
        let jobs = answer.get("data").and_then(Value::as_array);
        let jobs = jobs.ok_or_else(|| CodecError::new("no list `data`"))?;
        let jobs = jobs.iter().map(|job| {
            let tag = job.pointer(&format!("/metadata/{TAG}"));
            Ok(ListedJob {
                id: read::text(job, "id")?,
                tag: tag.and_then(Value::as_str).map(str::to_owned),
                items: job.pointer("/request_counts/total").and_then(Value::as_u64),
                created: job.get("created_at").and_then(Value::as_u64),
            })
        });
        let jobs: Vec<_> = jobs.collect::<Result<_, CodecError>>()?;
        let more = answer.get("has_more").and_then(Value::as_bool) == Some(true);
        let last = jobs.last().map(|job| job.id.clone());
        Ok(JobPage {
            jobs,
            next: last.filter(|_| more),
        })
    }

    fn status(&self, job: &str) -> Request<Bytes> {
        read::get(&self.uri(&format!("/v1/batches/{}", read::segment(job))))
    }

    fn progress(&self, answer: &[u8]) -> Result<Progress, CodecError> {
        let job = read::json(answer)?;
        let end = match read::text(&job, "status")?.as_str() {
            "completed" => JobEnd::Completed,
            "expired" | "cancelled" => JobEnd::Cut,
            "failed" => JobEnd::Rejected,
            _ => return Ok(Progress::Running),
        };
        let files = ["output_file_id", "error_file_id"];
        let files = files.iter().filter_map(|file| job.get(file)?.as_str());
        Ok(Progress::Ended(Ended {
            end,
            sources: files.map(str::to_owned).collect(),
            inline: Vec::new(),
        }))
    }

    fn results(&self, source: &str) -> Request<Bytes> {
        let path = format!("/v1/files/{}/content", read::segment(source));
        read::get(&self.uri(&path))
    }

    fn result(&self, line: &[u8]) -> Option<ItemResult> {
        read::status_line(line)
    }

    fn files(&self, status: &[u8]) -> Vec<String> {
        let places = ["/input_file_id", "/output_file_id", "/error_file_id"];
        read::texts(status, &places)
    }

    fn delete(&self, file: &str) -> Option<Request<Bytes>> {
        let path = format!("/v1/files/{}", read::segment(file));
        Some(read::delete(&self.uri(&path)))
    }
}
