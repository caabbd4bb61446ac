//! Mistral's batch jobs (<https://docs.mistral.ai/capabilities/batch>).

use bytes::Bytes;
use http::{Request, Response, Uri, request::Parts};
use scrimp_core::{BoxError, SettingError};
use serde_json::{Value, json};

use super::{
    CodecError, Ended, ItemResult, JobCodec, JobDraft, JobEnd, JobLimits, JobPage, ListedJob,
    Progress, Upload, jsonl, multipart, read,
};

/// Paths that a job may have, as its reference lists them.
const ENDPOINTS: [&str; 9] = [
    "/v1/audio/transcriptions",
    "/v1/chat/completions",
    "/v1/chat/moderations",
    "/v1/classifications",
    "/v1/conversations",
    "/v1/embeddings",
    "/v1/fim/completions",
    "/v1/moderations",
    "/v1/ocr",
];

/// Name of the member of `metadata` that holds the job's tag.
const TAG: &str = "scrimp_job";

/// Jobs in a page of the list.
const PAGE: usize = 100;

/// Batch jobs of Mistral.
///
/// A file holds up to 100,000 requests and 512 MB
/// (<https://docs.mistral.ai/resources/known-limitations>; the page on batches speaks of a million requests, of which
/// the smaller number is kept here), for one path and one model. A job carries its tag in `metadata`. The reference
/// names no idempotency key, so jobs are listed after a crash.
#[derive(Debug, Clone)]
pub struct MistralJobs {
    base: String,
}

// === impl MistralJobs ===

impl MistralJobs {
    /// Makes the form for an API at this base, such as `https://api.mistral.ai`.
    ///
    /// # Errors
    ///
    /// If the base is no URI with a scheme and an authority.
    pub fn new(base: impl TryInto<Uri, Error: Into<BoxError>>) -> Result<Self, SettingError> {
        let base = read::base("MistralJobs", base)?;
        Ok(Self { base })
    }

    fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl JobCodec for MistralJobs {
    fn name(&self) -> &'static str {
        "mistral"
    }

    fn limits(&self) -> JobLimits {
        JobLimits {
            items: 100_000,
            bytes: 512_000_000,
        }
    }

    fn group(&self, parts: &Parts, body: &[u8]) -> Option<String> {
        let path = read::path_of(parts, &self.base)?;
        let model = read::asked(body)?.model?;
        ENDPOINTS.contains(&path).then(|| format!("{path} {model}"))
    }

    fn upload(&self, job: &JobDraft<'_>) -> Option<Request<Bytes>> {
        let before = |id: &str| format!(r#"{{"custom_id":"{id}","body":"#);
        let file = jsonl::lines(job.items, before, "}");
        let uri = self.uri("/v1/files");
        Some(multipart::upload(&uri, job.tag, &job.file_name(), &file))
    }

    fn uploaded(&self, _: &JobDraft<'_>, answer: &Response<Bytes>) -> Result<Upload, CodecError> {
        read::text(&read::json(answer.body())?, "id").map(Upload::Done)
    }

    fn create(&self, job: &JobDraft<'_>, file: Option<&str>) -> Request<Bytes> {
        let (path, model) = job.group.split_once(' ').unwrap_or((job.group, ""));
        let body = json!({
            "input_files": [file],
            "endpoint": path,
            "model": model,
            "metadata": {TAG: job.tag},
        });
        read::post_json(&self.uri("/v1/batch/jobs"), body.to_string())
    }

    fn created(&self, answer: &[u8]) -> Result<String, CodecError> {
        read::text(&read::json(answer)?, "id")
    }

    fn list(&self, page: Option<&str>) -> Request<Bytes> {
        let page = page.unwrap_or("0");
        let path = format!("/v1/batch/jobs?page={page}&page_size={PAGE}");
        read::get(&self.uri(&path))
    }

    fn listed(&self, page: Option<&str>, answer: &[u8]) -> Result<JobPage, CodecError> {
        let answer = read::json(answer)?;
        // A list without jobs may have no `data`.
        let jobs = answer.get("data").and_then(Value::as_array);
        let jobs = jobs.map_or(&[][..], Vec::as_slice).iter().map(|job| {
            let tag = job.pointer(&format!("/metadata/{TAG}"));
            Ok(ListedJob {
                id: read::text(job, "id")?,
                tag: tag.and_then(Value::as_str).map(str::to_owned),
                items: job.get("total_requests").and_then(Value::as_u64),
                created: job.get("created_at").and_then(Value::as_u64),
            })
        });
        let jobs: Vec<_> = jobs.collect::<Result<_, CodecError>>()?;
        // Pages have numbers, from 0. A page that is not full is the last one.
        let page: u64 = page.and_then(|page| page.parse().ok()).unwrap_or(0);
        let next = (jobs.len() >= PAGE).then(|| (page + 1).to_string());
        Ok(JobPage { jobs, next })
    }

    fn status(&self, job: &str) -> Request<Bytes> {
        read::get(&self.uri(&format!("/v1/batch/jobs/{}", read::segment(job))))
    }

    fn progress(&self, answer: &[u8]) -> Result<Progress, CodecError> {
        let job = read::json(answer)?;
        let files = ["output_file", "error_file"];
        let files = files.iter().filter_map(|file| job.get(file)?.as_str());
        let sources: Vec<String> = files.map(str::to_owned).collect();
        let end = match read::text(&job, "status")?.as_str() {
            "SUCCESS" => JobEnd::Completed,
            "FAILED" if sources.is_empty() => JobEnd::Rejected,
            "FAILED" | "TIMEOUT_EXCEEDED" | "CANCELLED" => JobEnd::Cut,
            _ => return Ok(Progress::Running),
        };
        Ok(Progress::Ended(Ended {
            end,
            sources,
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
        read::texts(status, &["/input_files", "/output_file", "/error_file"])
    }

    fn delete(&self, file: &str) -> Option<Request<Bytes>> {
        let path = format!("/v1/files/{}", read::segment(file));
        Some(read::delete(&self.uri(&path)))
    }
}
