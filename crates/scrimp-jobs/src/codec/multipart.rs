//! A form with a file (RFC 7578).

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, header::CONTENT_TYPE};

/// Makes a POST of a form with the field `purpose` and a file.
///
/// The boundary contains the job's tag, which occurs in the lines of the file too, but never after
/// the two hyphens and at the start of a line: each line begins with a brace.
pub(super) fn upload(uri: &str, tag: &str, name: &str, file: &[u8]) -> Request<Bytes> {
    let boundary = format!("boundary-{tag}");
    let mut body = BytesMut::with_capacity(file.len() + 512);
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/jsonl\r\n\r\n"
    );
    body.put_slice(head.as_bytes());
    body.put_slice(file);
    body.put_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let mut request = super::read::post(uri, body.freeze());
    let form = format!("multipart/form-data; boundary={boundary}");
    let form = form.parse().expect("a tag has letters, digits and hyphens");
    request.headers_mut().insert(CONTENT_TYPE, form);
    request
}
