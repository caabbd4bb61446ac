//! Anthropic's Message Batches (<https://platform.claude.com/docs/en/build-with-claude/batch-processing>).

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, Response, StatusCode, Uri, request::Parts};
use scrimp_core::{BoxError, SettingError};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    CodecError, Ended, ItemOutcome, ItemResult, JobCodec, JobDraft, JobEnd, JobLimits, JobPage,
    ListedJob, Progress, Upload, jsonl, read,
};

/// Batch jobs of Anthropic.
///
/// A batch holds up to 100,000 requests and 256 MB, in the call that creates it. Requests of several
/// models may be mixed. A batch ends within 24 h; requests that were not processed by then are `expired`.
///
/// A batch has no place for a tag, and the reference names no idempotency key. After a crash,
/// batches of as many requests that were created since are looked at: their results name the requests.
/// Send `anthropic-version` among the account's fields.
#[derive(Debug, Clone)]
pub struct AnthropicJobs {
    base: String,
}

#[derive(Deserialize)]
struct Line<'a> {
    custom_id: String,
    #[serde(borrow)]
    result: LineResult<'a>,
}

#[derive(Deserialize)]
struct LineResult<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

// === impl AnthropicJobs ===

impl AnthropicJobs {
    /// Makes the form for an API at this base, such as `https://api.anthropic.com`.
    ///
    /// # Errors
    ///
    /// If the base is no URI with a scheme and an authority.
    pub fn new(base: impl TryInto<Uri, Error: Into<BoxError>>) -> Result<Self, SettingError> {
        let base = read::base("AnthropicJobs", base)?;
        Ok(Self { base })
    }

    fn uri(&self, path: &str) -> String {
        format!("{}/v1/messages/batches{path}", self.base)
    }
}

impl JobCodec for AnthropicJobs {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn limits(&self) -> JobLimits {
        JobLimits {
            items: 100_000,
            bytes: 256_000_000,
        }
    }

    fn group(&self, parts: &Parts, body: &[u8]) -> Option<String> {
        let path = read::path_of(parts, &self.base)?;
        read::asked(body)?;
        (path == "/v1/messages").then(|| path.to_owned())
    }

    fn upload(&self, _: &JobDraft<'_>) -> Option<Request<Bytes>> {
        None
    }

    fn uploaded(&self, _: &JobDraft<'_>, _: &Response<Bytes>) -> Result<Upload, CodecError> {
        Err(CodecError::new("there are no files"))
    }

    fn create(&self, job: &JobDraft<'_>, _: Option<&str>) -> Request<Bytes> {
        let length: usize = job.items.iter().map(|item| item.body.len() + 100).sum();
        let mut body = BytesMut::with_capacity(length);
        body.put_slice(br#"{"requests":["#);
        for (at, item) in job.items.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let head = format!(r#"{comma}{{"custom_id":"{}","params":"#, item.custom_id);
            body.put_slice(head.as_bytes());
            jsonl::put_flat(&mut body, &item.body);
            body.put_u8(b'}');
        }
        body.put_slice(b"]}");
        read::post_json(&self.uri(""), body.freeze())
    }

    fn created(&self, answer: &[u8]) -> Result<String, CodecError> {
        read::text(&read::json(answer)?, "id")
    }

    fn carries_tag(&self) -> bool {
        false
    }

    fn list(&self, page: Option<&str>) -> Request<Bytes> {
        let after = page.map(|page| format!("&after_id={}", read::segment(page)));
        read::get(&self.uri(&format!("?limit=100{}", after.unwrap_or_default())))
    }

    fn listed(&self, _: Option<&str>, answer: &[u8]) -> Result<JobPage, CodecError> {
        let answer = read::json(answer)?;
        let jobs = answer.get("data").and_then(Value::as_array);
        let jobs = jobs.ok_or_else(|| CodecError::new("no list `data`"))?;
        let jobs = jobs.iter().map(|job| {
            let counts = job.get("request_counts").and_then(Value::as_object);
            let items = counts.map(|counts| counts.values().filter_map(Value::as_u64).sum());
            let created = job.get("created_at").and_then(Value::as_str);
            Ok(ListedJob {
                id: read::text(job, "id")?,
                tag: None,
                items,
                created: created.and_then(rfc3339),
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
        read::get(&self.uri(&format!("/{}", read::segment(job))))
    }

    fn progress(&self, answer: &[u8]) -> Result<Progress, CodecError> {
        let job = read::json(answer)?;
        if read::text(&job, "processing_status")? != "ended" {
            return Ok(Progress::Running);
        }
        // The results have a URI of their own, which is always this one: credentials are sent to no
        // other host.
        let sources = match job.get("results_url").and_then(Value::as_str) {
            Some(_) => vec![read::text(&job, "id")?],
            None => Vec::new(),
        };
        let cut = ["expired", "canceled"].iter().any(|count| {
            let count = job.pointer(&format!("/request_counts/{count}"));
            count.and_then(Value::as_u64).is_some_and(|count| count > 0)
        });
        let end = if cut { JobEnd::Cut } else { JobEnd::Completed };
        Ok(Progress::Ended(Ended {
            end,
            sources,
            inline: Vec::new(),
        }))
    }

    fn results(&self, source: &str) -> Request<Bytes> {
        read::get(&self.uri(&format!("/{}/results", read::segment(source))))
    }

    fn result(&self, line: &[u8]) -> Option<ItemResult> {
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        let outcome = match (
            line.result.kind.as_str(),
            line.result.message,
            line.result.error,
        ) {
            ("succeeded", Some(message), _) => read::outcome(200, Some(message)),
            ("errored", _, Some(error)) => refused(error),
            _ => ItemOutcome::NotProcessed,
        };
        Some(ItemResult {
            custom_id: line.custom_id,
            outcome,
        })
    }

    /// Returns the batch itself, which holds its requests and results.
    fn files(&self, status: &[u8]) -> Vec<String> {
        read::texts(status, &["/id"])
    }

    fn delete(&self, file: &str) -> Option<Request<Bytes>> {
        Some(read::delete(
            &self.uri(&format!("/{}", read::segment(file))),
        ))
    }
}

/// Reads an error of a request. The same request would fail again if it is invalid; any other
/// error may pass (<https://platform.claude.com/docs/en/api/errors>).
fn refused(error: &RawValue) -> ItemOutcome {
    let kind: Option<Value> = serde_json::from_str(error.get()).ok();
    let kind = kind.as_ref().and_then(|error| {
        let inner = error.pointer("/error/type").or_else(|| error.get("type"));
        inner?.as_str()
    });
    let status = match kind {
        Some("invalid_request_error") => StatusCode::BAD_REQUEST,
        Some("not_found_error") => StatusCode::NOT_FOUND,
        Some("request_too_large") => StatusCode::PAYLOAD_TOO_LARGE,
        _ => return ItemOutcome::NotProcessed,
    };
    read::outcome(status.as_u16(), Some(error))
}

/// Returns the seconds since 1970 of a date such as `2024-08-20T18:37:24.100435Z`, in UTC.
fn rfc3339(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    // Days from the civil date, by Howard Hinnant: years begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    u64::try_from(days * 86_400 + seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_seconds() {
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339("2024-08-20T18:37:24.100435Z"), Some(1_724_179_044));
        assert_eq!(rfc3339("2000-02-29T12:00:00Z"), Some(951_825_600));
        for text in ["", "soon", "2024-08-20", "ééééééééééééééééééé"] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}
