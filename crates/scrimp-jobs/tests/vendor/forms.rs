//! The calls of each vendor's API.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Call, Form, Job, State, Vendor, error, is_done, number, reply, text, user};

/// Returns the kind of a call.
pub fn kind(form: Form, request: &Request<Bytes>) -> Call {
    let (post, path) = (request.method() == Method::POST, request.uri().path());
    if request.method() == Method::DELETE {
        return Call::Delete;
    }
    match form {
        Form::OpenAi | Form::Mistral => match (post, path) {
            (true, "/v1/files") => Call::Upload,
            (true, "/v1/batches" | "/v1/batch/jobs") => Call::Create,
            (false, "/v1/batches" | "/v1/batch/jobs") => Call::List,
            (false, path) if path.ends_with("/content") => Call::Results,
            (false, _) => Call::Status,
            (true, _) => Call::Own,
        },
        Form::Anthropic => match (post, path) {
            (true, "/v1/messages/batches") => Call::Create,
            (false, "/v1/messages/batches") => Call::List,
            (false, path) if path.ends_with("/results") => Call::Results,
            (false, _) => Call::Status,
            (true, _) => Call::Own,
        },
        Form::Gemini => match (post, path) {
            (true, path) if path.starts_with("/upload/") => Call::Upload,
            (true, path) if path.ends_with(":batchGenerateContent") => Call::Create,
            (false, "/v1beta/batches") => Call::List,
            (false, path) if path.starts_with("/download/") => Call::Results,
            (false, _) => Call::Status,
            (true, _) => Call::Own,
        },
    }
}

pub fn answer(vendor: &Vendor, call: Call, request: &Request<Bytes>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    match call {
        Call::Own => own(vendor, request),
        Call::Upload => upload(vendor, request),
        Call::Create => create(vendor, request),
        Call::List => reply(&list(vendor)),
        Call::Status => {
            let id = match vendor.form() {
                Form::OpenAi => path.strip_prefix("/v1/batches/"),
                Form::Mistral => path.strip_prefix("/v1/batch/jobs/"),
                Form::Anthropic => path.strip_prefix("/v1/messages/batches/"),
                Form::Gemini => path.strip_prefix("/v1beta/"),
            };
            match id.and_then(|id| vendor.poll(id)) {
                Some(at) => {
                    let state = vendor.state();
                    reply(&job(vendor.form(), &state, &state.jobs[at], true))
                }
                None => error(404),
            }
        }
        Call::Results => results(vendor, path),
        Call::Delete => super::files::delete(vendor, path),
    }
}

fn own(vendor: &Vendor, request: &Request<Bytes>) -> Response<Full<Bytes>> {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    *vendor.state().own.entry(number(&body)).or_default() += 1;
    if user(&body) == "bad" || user(&body) == "poison" {
        return error(400);
    }
    reply(&json!({"n": number(&body), "own": true}))
}

fn upload(vendor: &Vendor, request: &Request<Bytes>) -> Response<Full<Bytes>> {
    let mut state = vendor.state();
    let id = state.files.len() + state.deleted.len();
    if vendor.form() == Form::Gemini {
        let command = request.headers()["x-goog-upload-command"]
            .to_str()
            .unwrap_or_default();
        if command == "start" {
            let base = request.uri().to_string();
            let mut response = reply(&json!({}));
            let place = format!("{base}?upload_id=1&upload_protocol=resumable");
            response
                .headers_mut()
                .insert("x-goog-upload-url", place.parse().expect("a URI"));
            return response;
        }
        state
            .files
            .insert(format!("files/{id}"), request.body().clone());
        return reply(&json!({"file": {"name": format!("files/{id}"), "state": "ACTIVE"}}));
    }
    // multipart/form-data: the file is the last part.
    let body = String::from_utf8(request.body().to_vec()).expect("text");
    let kind = request.headers()["content-type"].to_str().expect("text");
    let boundary = kind.split("boundary=").nth(1).expect("a boundary");
    assert!(body.starts_with(&format!("--{boundary}\r\n")), "{body}");
    assert!(body.contains("name=\"purpose\"\r\n\r\nbatch\r\n"), "{body}");
    let file = body.splitn(3, "\r\n\r\n").nth(2).expect("two parts");
    let file = file
        .strip_suffix(&format!("\r\n--{boundary}--\r\n"))
        .expect("an end");
    let id = format!("file-{id}");
    state.files.insert(id.clone(), Bytes::from(file.to_owned()));
    reply(&json!({"id": id, "object": "file", "bytes": file.len(), "purpose": "batch"}))
}

fn lines(file: &[u8]) -> Vec<Value> {
    let lines = file
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).expect("a line of JSON"))
        .collect()
}

fn create(vendor: &Vendor, request: &Request<Bytes>) -> Response<Full<Bytes>> {
    let asked: Value = serde_json::from_slice(request.body()).expect("JSON");
    let file = |name: &Value| {
        vendor
            .state()
            .files
            .get(name.as_str().unwrap_or_default())
            .cloned()
    };
    let named = |lines: Vec<Value>, id: &str, body: &str| -> Vec<(String, Value)> {
        let one = |line: &Value| {
            (
                line.pointer(id)?.as_str().map(str::to_owned)?,
                line.pointer(body)?.clone(),
            )
                .into()
        };
        lines
            .iter()
            .map(|line| -> Option<(String, Value)> { one(line) })
            .map(|one| one.expect("a request"))
            .collect()
    };
    let input = super::files::input(vendor.form(), &asked);
    let (name, items) = match vendor.form() {
        Form::OpenAi => {
            let Some(file) = file(&asked["input_file_id"]) else {
                return error(400);
            };
            let lines = lines(&file);
            for line in &lines {
                assert_eq!(
                    (&line["method"], &line["url"]),
                    (&json!("POST"), &asked["endpoint"])
                );
            }
            assert_eq!(asked["completion_window"], "24h");
            (
                asked["metadata"]["scrimp_job"].as_str(),
                named(lines, "/custom_id", "/body"),
            )
        }
        Form::Mistral => {
            let Some(file) = file(&asked["input_files"][0]) else {
                return error(400);
            };
            assert!(asked["model"].is_string() && asked["endpoint"].is_string());
            (
                asked["metadata"]["scrimp_job"].as_str(),
                named(lines(&file), "/custom_id", "/body"),
            )
        }
        Form::Anthropic => {
            let list = asked["requests"].as_array().cloned().expect("a list");
            (None, named(list, "/custom_id", "/params"))
        }
        Form::Gemini => {
            let batch = &asked["batch"];
            let items = match file(&batch["input_config"]["file_name"]) {
                Some(file) => named(lines(&file), "/key", "/request"),
                None => {
                    let list = batch["input_config"]["requests"]["requests"]
                        .as_array()
                        .cloned();
                    named(list.expect("a list"), "/metadata/key", "/request")
                }
            };
            (batch["display_name"].as_str(), items)
        }
    };
    let key = request
        .headers()
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    let id = vendor.add(key, (name.map(str::to_owned), input), items);
    let state = vendor.state();
    let found = state.jobs.iter().find(|job| job.id == id).expect("the job");
    reply(&job(vendor.form(), &state, found, false))
}

fn list(vendor: &Vendor) -> Value {
    let state = vendor.state();
    let jobs = state
        .jobs
        .iter()
        .rev()
        .map(|one| job(vendor.form(), &state, one, false));
    let jobs: Vec<Value> = jobs.collect();
    match vendor.form() {
        Form::Gemini => json!({"operations": jobs}),
        Form::Mistral => json!({"object": "list", "total": jobs.len(), "data": jobs}),
        _ => json!({"object": "list", "has_more": false, "data": jobs}),
    }
}

/// Returns a job as the vendor shows it.
fn job(form: Form, state: &State, job: &Job, whole: bool) -> Value {
    let total = job.items.len();
    let done = job
        .items
        .iter()
        .filter(|(_, body)| is_done(body, state.expire))
        .count();
    let id = &job.id;
    match form {
        Form::OpenAi => {
            let status = match (job.ended, job.rejected) {
                (false, _) => "in_progress",
                (true, true) => "failed",
                (true, false) if state.expire => "expired",
                (true, false) => "completed",
            };
            let has = |file: &str| (job.ended && !job.rejected).then(|| format!("{file}-{id}"));
            json!({
                "id": id, "object": "batch", "endpoint": "/v1/chat/completions", "errors": null,
                "input_file_id": job.file, "completion_window": "24h", "status": status,
                "output_file_id": has("out"), "error_file_id": has("err"), "created_at": state.now,
                "request_counts": {"total": total, "completed": done, "failed": total - done},
                "metadata": {"scrimp_job": job.name},
            })
        }
        Form::Mistral => {
            let status = match (job.ended, job.rejected) {
                (false, _) => "RUNNING",
                (true, true) => "FAILED",
                (true, false) if state.expire => "TIMEOUT_EXCEEDED",
                (true, false) => "SUCCESS",
            };
            let has = |file: &str| (job.ended && !job.rejected).then(|| format!("{file}-{id}"));
            json!({
                "id": id, "object": "batch", "input_files": [job.file], "status": status,
                "metadata": {"scrimp_job": job.name}, "endpoint": "/v1/chat/completions",
                "output_file": has("out"), "error_file": has("err"), "created_at": state.now,
                "total_requests": total, "completed_requests": done, "succeeded_requests": done, "failed_requests": 0,
            })
        }
        Form::Anthropic => {
            let ended = job.ended;
            let results =
                ended.then(|| format!("https://api.example.com/v1/messages/batches/{id}/results"));
            let expired = if state.expire { total - done } else { 0 };
            json!({
                "id": id, "type": "message_batch",
                "processing_status": if ended { "ended" } else { "in_progress" },
                "request_counts": {
                    "processing": if ended { 0 } else { total }, "succeeded": if ended { done } else { 0 },
                    "errored": if ended { total - done - expired } else { 0 }, "canceled": 0,
                    "expired": if ended { expired } else { 0 },
                },
                "ended_at": null, "created_at": "2025-12-01T00:00:00.100435Z", "results_url": results,
            })
        }
        Form::Gemini => {
            let name = match (job.ended, job.rejected) {
                (false, _) => "BATCH_STATE_RUNNING",
                (true, true) => "BATCH_STATE_FAILED",
                (true, false) if state.expire => "BATCH_STATE_EXPIRED",
                (true, false) => "BATCH_STATE_SUCCEEDED",
            };
            let mut shown = json!({
                "name": id, "done": job.ended,
                "metadata": {
                    "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
                    "displayName": job.name, "state": name, "createTime": "2025-12-01T00:00:00.100435Z",
                    "batchStats": {"requestCount": total.to_string()},
                },
            });
            shown["metadata"]["inputConfig"] = json!({"fileName": job.file});
            if job.ended && !job.rejected && whole {
                shown["response"] = match total > 3 {
                    true => json!({"responsesFile": format!("files/out-{}", id.replace('/', "-"))}),
                    false => {
                        let lines = job
                            .items
                            .iter()
                            .filter_map(|item| gemini(item, state, false))
                            .collect::<Vec<_>>();
                        json!({"inlinedResponses": {"inlinedResponses": lines}})
                    }
                };
            }
            shown
        }
    }
}

fn results(vendor: &Vendor, path: &str) -> Response<Full<Bytes>> {
    let state = vendor.state();
    let found = state
        .jobs
        .iter()
        .find(|job| path.contains(&job.id) || path.contains(&job.id.replace('/', "-")));
    let Some(job) = found else { return error(404) };
    let line = |(id, body): &(String, Value)| -> Vec<Value> {
        let done = is_done(body, state.expire);
        let twice = if user(body) == "twice" { 2 } else { 1 };
        if user(body) == "missing" {
            return Vec::new();
        }
        let item = (id.clone(), body.clone());
        let one = match vendor.form() {
            Form::OpenAi | Form::Mistral => {
                // Two files: one of answers, one of errors.
                if done != path.contains("/out-") {
                    return Vec::new();
                }
                Some(status_line(&item, done, state.expire))
            }
            Form::Anthropic => Some(anthropic(&item, done)),
            Form::Gemini => gemini(&item, &state, true),
        };
        one.into_iter().flat_map(|one| vec![one; twice]).collect()
    };
    let mut lines: Vec<String> = job
        .items
        .iter()
        .flat_map(line)
        .map(|line| line.to_string())
        .collect();
    if state.disorder {
        lines.reverse();
        lines.insert(0, r#"{"custom_id":"stranger-1","key":"stranger-1","response":{"status_code":200,"body":{}},"result":{"type":"expired"}}"#.into());
        lines.push("not JSON".into());
    }
    text(lines.join("\n"))
}

fn status_line((id, body): &(String, Value), done: bool, expire: bool) -> Value {
    let request = format!("batch_req_{}", number(body));
    if done {
        let body = json!({"n": number(body), "own": false});
        let response = json!({"status_code": 200, "request_id": "req_1", "body": body});
        return json!({"id": request, "custom_id": id, "response": response, "error": null});
    }
    match user(body) {
        "bad" => json!({
            "id": request, "custom_id": id, "error": null,
            "response": {"status_code": 400, "request_id": "req_1", "body": {"error": {"code": "bad"}}},
        }),
        "fail" if !expire => json!({
            "id": request, "custom_id": id, "error": null,
            "response": {"status_code": 500, "request_id": "req_1", "body": {}},
        }),
        _ => json!({
            "id": request, "custom_id": id, "response": null,
            "error": {"code": "batch_expired", "message": "This request could not be executed before the completion window expired."},
        }),
    }
}

fn anthropic((id, body): &(String, Value), done: bool) -> Value {
    let result = match user(body) {
        _ if done => json!({"type": "succeeded", "message": {"n": number(body), "own": false}}),
        "bad" | "poison" => {
            json!({"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request_error", "message": "bad"}}})
        }
        "fail" => {
            json!({"type": "errored", "error": {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}})
        }
        _ => json!({"type": "expired"}),
    };
    json!({"custom_id": id, "result": result})
}

fn gemini((id, body): &(String, Value), state: &State, in_file: bool) -> Option<Value> {
    let mut line = match user(body) {
        "missing" => return None,
        _ if is_done(body, state.expire) => json!({"response": {"n": number(body), "own": false}}),
        "bad" => json!({"error": {"code": 3, "message": "bad"}}),
        _ => json!({"error": {"code": 13, "message": "Internal"}}),
    };
    match in_file {
        true => line["key"] = json!(id),
        false => line["metadata"] = json!({"key": id}),
    }
    Some(line)
}
