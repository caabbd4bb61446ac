//! Names of usage fields, by provider.
//!
//! Names are compared without underscores and in lower case, so that `input_tokens` and
//! `inputTokens` are one name.

use serde_json::{Map, Value};

use super::slots::{Slot, Slots};

/// Meaning of a field.
enum Field {
    /// A count of tokens.
    Count(Slot),
    /// A count of tokens, or an object of counts in its place.
    Either(Slot, &'static [(&'static str, Field)]),
    /// Several counts: an object of them, or a list of counts by medium or by lifetime.
    Parts(
        &'static [(&'static str, Field)],
        &'static [(&'static str, Slot)],
    ),
    /// The cost of the call, or an object that has it, in parts of a dollar given as a power of
    /// ten.
    Cost(u32),
}

use Field::{Cost, Count, Either, Parts};

/// Fields of an object of usage. A name stands beside who uses it:
/// OpenAI's names are also those of Azure, Mistral, Groq, Together, Fireworks, OpenRouter, xAI,
/// Perplexity, vLLM, llama.cpp and others.
const FIELDS: &[(&str, Field)] = &[
    // OpenAI, chat and embeddings; OpenAI, responses, and Anthropic; Gemini and Vertex;
    // Bedrock's metrics; Ollama; llama.cpp; Amazon's models.
    ("prompttokens", Count(Slot::Prompt)),
    ("inputtokens", Count(Slot::Input)),
    ("prompttokencount", Count(Slot::Prompt)),
    ("inputtokencount", Count(Slot::Input)),
    ("promptevalcount", Count(Slot::Prompt)),
    ("tokensevaluated", Count(Slot::Prompt)),
    ("inputtexttokencount", Count(Slot::Prompt)),
    ("completiontokens", Count(Slot::Completion)),
    ("outputtokens", Count(Slot::Completion)),
    ("candidatestokencount", Count(Slot::Completion)),
    ("responsetokencount", Count(Slot::Completion)),
    ("outputtokencount", Count(Slot::Completion)),
    ("generationtokencount", Count(Slot::Completion)),
    ("evalcount", Count(Slot::Completion)),
    ("tokenspredicted", Count(Slot::Completion)),
    ("totaloutputtexttokencount", Count(Slot::Completion)),
    // watsonx; Text Generation Inference; Gemini's interactions; Aleph Alpha.
    ("generatedtokencount", Count(Slot::Completion)),
    ("generatedtokens", Count(Slot::Completion)),
    ("totalinputtokens", Count(Slot::Prompt)),
    ("totaloutputtokens", Count(Slot::Completion)),
    ("numtokensprompttotal", Count(Slot::Prompt)),
    ("numtokensgenerated", Count(Slot::Completion)),
    ("totaltokens", Count(Slot::Total)),
    ("totaltokencount", Count(Slot::Total)),
    // DeepSeek; Gemini; Moonshot and Cohere; the AI SDK; Mistral.
    ("promptcachehittokens", Count(Slot::Cached)),
    ("promptcachemisstokens", Count(Slot::Missed)),
    ("cachedcontenttokencount", Count(Slot::Cached)),
    ("cachedtokens", Count(Slot::Cached)),
    ("cachedinputtokens", Count(Slot::Cached)),
    ("numcachedtokens", Count(Slot::Cached)),
    ("totalcachedtokens", Count(Slot::Cached)),
    // Anthropic; Bedrock and its metrics.
    ("cachereadinputtokens", Count(Slot::CacheRead)),
    ("cachereadinputtokencount", Count(Slot::CacheRead)),
    ("cachecreationinputtokens", Count(Slot::CacheWrite)),
    ("cachewriteinputtokens", Count(Slot::CacheWrite)),
    ("cachewriteinputtokencount", Count(Slot::CacheWrite)),
    ("cachecreation", Parts(LIFETIMES, &[])),
    ("cachedetails", Parts(LIFETIMES, TTLS)),
    // Gemini; Perplexity and the AI SDK.
    ("tooluseprompttokencount", Count(Slot::Tool)),
    ("totaltoolusetokens", Count(Slot::Tool)),
    ("thoughtstokencount", Count(Slot::Thoughts)),
    ("totalthoughttokens", Count(Slot::Thoughts)),
    ("reasoningtokens", Count(Slot::Reasoning)),
    // OpenAI's details are objects, Gemini's are lists.
    ("prompttokensdetails", Parts(PROMPT, INPUT_MEDIA)),
    ("inputtokensdetails", Parts(PROMPT, INPUT_MEDIA)),
    ("inputtokendetails", Parts(PROMPT, INPUT_MEDIA)),
    ("cachetokensdetails", Parts(CACHED, CACHED_MEDIA)),
    ("completiontokensdetails", Parts(COMPLETION, OUTPUT_MEDIA)),
    ("outputtokensdetails", Parts(COMPLETION, OUTPUT_MEDIA)),
    ("outputtokendetails", Parts(COMPLETION, OUTPUT_MEDIA)),
    ("candidatestokensdetails", Parts(COMPLETION, OUTPUT_MEDIA)),
    ("responsetokensdetails", Parts(COMPLETION, OUTPUT_MEDIA)),
    ("inputtokensbymodality", Parts(PROMPT, INPUT_MEDIA)),
    ("cachedtokensbymodality", Parts(CACHED, CACHED_MEDIA)),
    ("outputtokensbymodality", Parts(COMPLETION, OUTPUT_MEDIA)),
    // Cohere bills other counts than it used.
    ("billedunits", Parts(BILLED, &[])),
    ("tokens", Parts(USED, &[])),
    // OpenRouter, and Perplexity, whose cost is an object; DeepInfra; xAI, in 10⁻¹⁰ dollars.
    ("cost", Cost(0)),
    ("estimatedcost", Cost(0)),
    ("costinusdticks", Cost(10)),
];

const PROMPT: &[(&str, Field)] = &[
    ("cachedtokens", Count(Slot::Cached)),
    ("cacheread", Count(Slot::Cached)),
    ("cachecreationtokens", Count(Slot::Written)),
    ("cachewritetokens", Count(Slot::Written)),
    ("cachecreationinputtokens", Count(Slot::Written)),
    // LangChain has a number here, DashScope an object; LiteLLM has a name of its own for that.
    ("cachecreation", Either(Slot::Written, LIFETIMES)),
    ("cachecreationtokendetails", Parts(LIFETIMES, &[])),
    ("audiotokens", Count(Slot::InputAudio)),
    ("imagetokens", Count(Slot::InputImage)),
    ("videotokens", Count(Slot::InputVideo)),
    ("cachedtokensdetails", Parts(CACHED, CACHED_MEDIA)),
];

const CACHED: &[(&str, Field)] = &[
    ("audiotokens", Count(Slot::CachedAudio)),
    ("imagetokens", Count(Slot::CachedImage)),
];

const COMPLETION: &[(&str, Field)] = &[
    ("reasoningtokens", Count(Slot::Reasoning)),
    ("reasoning", Count(Slot::Reasoning)),
    ("thinkingtokens", Count(Slot::Reasoning)),
    ("audiotokens", Count(Slot::OutputAudio)),
    ("imagetokens", Count(Slot::OutputImage)),
    ("videotokens", Count(Slot::OutputVideo)),
];

const LIFETIMES: &[(&str, Field)] = &[
    ("ephemeral5minputtokens", Count(Slot::Write5m)),
    ("ephemeral1hinputtokens", Count(Slot::Write1h)),
];

const BILLED: &[(&str, Field)] = &[
    ("inputtokens", Count(Slot::BilledInput)),
    ("outputtokens", Count(Slot::BilledOutput)),
];

const USED: &[(&str, Field)] = &[
    ("inputtokens", Count(Slot::Prompt)),
    ("outputtokens", Count(Slot::Completion)),
];

const INPUT_MEDIA: &[(&str, Slot)] = &[
    ("AUDIO", Slot::InputAudio),
    ("IMAGE", Slot::InputImage),
    ("VIDEO", Slot::InputVideo),
];

const CACHED_MEDIA: &[(&str, Slot)] = &[
    ("AUDIO", Slot::CachedAudio),
    ("IMAGE", Slot::CachedImage),
    ("VIDEO", Slot::CachedVideo),
];

const OUTPUT_MEDIA: &[(&str, Slot)] = &[
    ("AUDIO", Slot::OutputAudio),
    ("IMAGE", Slot::OutputImage),
    ("VIDEO", Slot::OutputVideo),
];

const TTLS: &[(&str, Slot)] = &[("5m", Slot::Write5m), ("1h", Slot::Write1h)];

/// Reads an object of usage. `None` if it has no field that is known.
pub(super) fn read(key: &[u8], json: &[u8]) -> Option<Slots> {
    let object: Map<String, Value> = serde_json::from_slice(json).ok()?;
    let mut slots = Slots::default();
    match key {
        b"billed_units" => read_fields(BILLED, &object, &mut slots),
        _ => read_fields(FIELDS, &object, &mut slots),
    }
    slots.is_known().then_some(slots)
}

/// Reads a count that lies in a document itself.
pub(super) fn read_count(key: &[u8], text: &[u8]) -> Option<Slots> {
    let name = normal(std::str::from_utf8(key).ok()?);
    let value = String::from_utf8_lossy(text);
    let value = match &*value {
        "null" => Value::Null,
        text => Value::from(text),
    };
    let mut slots = Slots::default();
    read_field(FIELDS, &name, &value, &mut slots);
    slots.is_known().then_some(slots)
}

fn read_fields(fields: &[(&str, Field)], object: &Map<String, Value>, slots: &mut Slots) {
    for (name, value) in object {
        read_field(fields, &normal(name), value, slots);
    }
}

fn read_field(fields: &[(&str, Field)], name: &str, value: &Value, slots: &mut Slots) {
    let Some((_, field)) = fields.iter().find(|(known, _)| *known == name) else {
        return;
    };
    match (field, value) {
        (_, Value::Null) => {}
        (Either(_, fields) | Parts(fields, _), Value::Object(object)) => {
            read_fields(fields, object, slots);
        }
        (Count(slot) | Either(slot, _), value) => slots.tell(*slot, count(value)),
        (Cost(power), Value::Object(parts)) => {
            if let Some(total) = parts.get("total_cost").filter(|total| !total.is_null()) {
                slots.tell_cost(total, *power);
            }
        }
        (Cost(power), value) => slots.tell_cost(value, *power),
        (Parts(_, media), Value::Array(list)) => read_list(media, list, slots),
        // An unreadable part leaves it open how the whole divides.
        (Parts(fields, _), _) => {
            let slot = fields.iter().find_map(|(_, field)| match field {
                Count(slot) => Some(*slot),
                Either(..) | Parts(..) | Cost(_) => None,
            });
            if let Some(slot) = slot {
                slots.tell(slot, None);
            }
        }
    }
}

/// Adds up counts that are listed by medium (`modality`) or lifetime (`ttl`).
fn read_list(names: &[(&str, Slot)], list: &[Value], slots: &mut Slots) {
    let mut sums = [0u64; 3];
    let mut seen = [false; 3];
    for item in list {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        let name = text("modality").or_else(|| text("ttl")).unwrap_or_default();
        let tokens = ["tokenCount", "token_count", "tokens", "inputTokens"];
        let tokens = tokens.iter().find_map(|key| item.get(*key));
        let place = names.iter().position(|(n, _)| n.eq_ignore_ascii_case(name));
        let (Some(place), Some(tokens)) = (place, tokens) else {
            continue;
        };
        match count(tokens) {
            Some(tokens) => sums[place] = sums[place].saturating_add(tokens),
            None => return slots.tell(names[place].1, None),
        }
        seen[place] = true;
    }
    for (place, (_, slot)) in names.iter().enumerate() {
        if seen[place] {
            slots.tell(*slot, Some(sums[place]));
        }
    }
}

/// Reads a count: a whole number, as an integer, a float, or a string of either.
fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(count) => Some(count),
            None => whole(number.as_f64()?),
        },
        Value::String(text) => {
            let text = text.trim();
            match text.parse() {
                Ok(count) => Some(count),
                Err(_) => whole(text.parse().ok()?),
            }
        }
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn whole(float: f64) -> Option<u64> {
    // Above 2⁵³ not every whole number is a float.
    let exact = (0.0..=9_007_199_254_740_992.0).contains(&float) && float.fract() == 0.0;
    exact.then_some(float as u64)
}

fn normal(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}
