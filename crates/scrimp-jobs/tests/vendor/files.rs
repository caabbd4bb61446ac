//! Files that jobs use, and their deletion.

use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Form, Job, Vendor, error, reply};

/// Returns the file of requests that a new job names, if it has one.
pub fn input(form: Form, asked: &Value) -> Option<String> {
    let input = match form {
        Form::OpenAi => &asked["input_file_id"],
        Form::Mistral => &asked["input_files"][0],
        Form::Anthropic => &Value::Null,
        Form::Gemini => &asked["batch"]["input_config"]["file_name"],
    };
    input.as_str().map(str::to_owned)
}

/// Deletes a file, or a batch, which no job under way may need.
pub fn delete(vendor: &Vendor, path: &str) -> Response<Full<bytes::Bytes>> {
    let name = match vendor.form() {
        Form::OpenAi | Form::Mistral => path.strip_prefix("/v1/files/"),
        Form::Anthropic => path.strip_prefix("/v1/messages/batches/"),
        Form::Gemini => path.strip_prefix("/v1beta/"),
    };
    let Some(name) = name else {
        return error(404);
    };
    let mut state = vendor.state();
    let under_way = |job: &Job| !job.ended && (job.id == name || job.file.as_deref() == Some(name));
    assert!(!state.jobs.iter().any(under_way), "{name} is in use");
    state.files.remove(name);
    state.deleted.push(name.to_owned());
    reply(&json!({"id": name, "deleted": true}))
}
