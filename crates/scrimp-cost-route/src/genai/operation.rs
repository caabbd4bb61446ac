//! The operation that a path names.

/// Last segments of paths that ask for a chat.
const CHATS: [&str; 4] = ["responses", "messages", "converse", "converse-stream"];

/// Returns the name that the conventions have for what a path asks for; `None` for all else.
pub(super) fn operation(path: &str) -> Option<&'static str> {
    let path = path.trim_end_matches('/');
    let last = path.rsplit('/').next()?;
    let verb = last.rsplit_once(':').map(|(_, verb)| verb);
    let is_chat = |path: &str| {
        let ends = ["/chat/completions", "/api/chat", "/v2/chat"];
        ends.iter().any(|end| path.ends_with(end))
    };
    match verb.unwrap_or(last) {
        "generateContent" | "streamGenerateContent" if verb.is_some() => Some("generate_content"),
        "embedContent" | "batchEmbedContents" | "embeddings" => Some("embeddings"),
        said if is_chat(path) || CHATS.contains(&said) => Some("chat"),
        "completions" => Some("text_completion"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::operation;

    #[test]
    fn a_path_names_its_operation() {
        for (path, name) in [
            ("/v1/chat/completions", Some("chat")),
            ("/openai/deployments/small/chat/completions/", Some("chat")),
            ("/v1/completions", Some("text_completion")),
            ("/v1/responses", Some("chat")),
            ("/v1/messages", Some("chat")),
            (
                "/model/anthropic.small-v1%3A0/converse-stream",
                Some("chat"),
            ),
            (
                "/v1beta/models/small:streamGenerateContent",
                Some("generate_content"),
            ),
            ("/v1beta/models/small:embedContent", Some("embeddings")),
            ("/v1/embeddings", Some("embeddings")),
            ("/api/chat", Some("chat")),
            ("/v1/models", None),
            ("/chat", None),
            ("/", None),
        ] {
            assert_eq!(operation(path), name, "{path}");
        }
    }
}
