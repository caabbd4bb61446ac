//! Usage of a call.

/// Kinds of tokens that are priced apart.
///
/// A token belongs to one class only: [`Input`](Self::Input) are those of the prompt that are
/// neither cached nor of another medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenClass {
    /// Text of the prompt.
    Input,
    /// Tokens read from the provider's prompt cache.
    CacheRead,
    /// Audio tokens read from the provider's prompt cache.
    CacheReadAudio,
    /// Tokens written to the provider's prompt cache.
    CacheWrite,
    /// Tokens written to that cache for an hour.
    CacheWrite1h,
    /// Tokens written to that cache for twelve hours.
    CacheWrite12h,
    /// Audio of the prompt.
    InputAudio,
    /// Images of the prompt.
    InputImage,
    /// Video of the prompt.
    InputVideo,
    /// Text of the answer.
    Output,
    /// Thoughts before the answer.
    Reasoning,
    /// Audio of the answer.
    OutputAudio,
    /// Images of the answer.
    OutputImage,
    /// Video of the answer.
    OutputVideo,
}

/// Usage of a call: bytes both ways, and tokens by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the response's body.
    pub bytes_out: u64,
    tokens: [u64; TokenClass::COUNT],
}

// === impl TokenClass ===

impl TokenClass {
    pub(crate) const COUNT: usize = 14;

    /// Every class.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Input,
        Self::CacheRead,
        Self::CacheReadAudio,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::CacheWrite12h,
        Self::InputAudio,
        Self::InputImage,
        Self::InputVideo,
        Self::Output,
        Self::Reasoning,
        Self::OutputAudio,
        Self::OutputImage,
        Self::OutputVideo,
    ];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Returns its name, for errors.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Input => "Input",
            Self::CacheRead => "CacheRead",
            Self::CacheReadAudio => "CacheReadAudio",
            Self::CacheWrite => "CacheWrite",
            Self::CacheWrite1h => "CacheWrite1h",
            Self::CacheWrite12h => "CacheWrite12h",
            Self::InputAudio => "InputAudio",
            Self::InputImage => "InputImage",
            Self::InputVideo => "InputVideo",
            Self::Output => "Output",
            Self::Reasoning => "Reasoning",
            Self::OutputAudio => "OutputAudio",
            Self::OutputImage => "OutputImage",
            Self::OutputVideo => "OutputVideo",
        }
    }

    /// Reports whether the class belongs to the prompt.
    pub(crate) const fn is_input(self) -> bool {
        self.index() < Self::Output.index()
    }

    /// Returns the class whose rate applies if this class has none of its own.
    pub(crate) const fn parent(self) -> Option<Self> {
        match self {
            Self::Input | Self::Output => None,
            Self::CacheReadAudio => Some(Self::CacheRead),
            Self::CacheWrite1h | Self::CacheWrite12h => Some(Self::CacheWrite),
            Self::CacheRead
            | Self::CacheWrite
            | Self::InputAudio
            | Self::InputImage
            | Self::InputVideo => Some(Self::Input),
            Self::Reasoning | Self::OutputAudio | Self::OutputImage | Self::OutputVideo => {
                Some(Self::Output)
            }
        }
    }
}

// === impl Usage ===

impl Usage {
    /// Makes a usage of text only: tokens of the prompt, and of the answer.
    #[must_use]
    pub fn text(input: u64, output: u64) -> Self {
        Self::default()
            .with(TokenClass::Input, input)
            .with(TokenClass::Output, output)
    }

    /// Makes a usage of bytes only.
    #[must_use]
    pub fn bytes(bytes_in: u64, bytes_out: u64) -> Self {
        Self {
            bytes_in,
            bytes_out,
            ..Self::default()
        }
    }

    /// Sets the tokens of a class.
    #[must_use]
    pub fn with(mut self, class: TokenClass, tokens: u64) -> Self {
        self.tokens[class.index()] = tokens;
        self
    }

    /// Returns the tokens of a class.
    #[must_use]
    pub fn tokens(&self, class: TokenClass) -> u64 {
        self.tokens[class.index()]
    }

    /// Returns all tokens of the prompt, cached ones included.
    #[must_use]
    pub fn prompt(&self) -> u64 {
        let (input, _) = self.tokens.split_at(TokenClass::Output.index());
        input.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Returns all tokens of the answer.
    #[must_use]
    pub fn completion(&self) -> u64 {
        let (_, output) = self.tokens.split_at(TokenClass::Output.index());
        output.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Returns the usage with its prompt, and the answer of another one.
    pub(crate) fn with_answer_of(mut self, other: &Self) -> Self {
        let answer = TokenClass::Output.index()..;
        self.tokens[answer.clone()].copy_from_slice(&other.tokens[answer]);
        self
    }

    /// Returns the sum of two usages.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let tokens = |class: usize| self.tokens[class].saturating_add(other.tokens[class]);
        Self {
            bytes_in: self.bytes_in.saturating_add(other.bytes_in),
            bytes_out: self.bytes_out.saturating_add(other.bytes_out),
            tokens: std::array::from_fn(tokens),
        }
    }

    /// Returns the part of it that belongs to `weight` of `total`, rounded up.
    pub(crate) fn scaled(&self, weight: u64, total: u64) -> Self {
        if weight >= total {
            return *self;
        }
        let scale = |n: u64| {
            let part = (u128::from(n) * u128::from(weight)).div_ceil(u128::from(total));
            u64::try_from(part).expect("a part is not above the whole")
        };
        Self {
            bytes_in: scale(self.bytes_in),
            bytes_out: scale(self.bytes_out),
            tokens: self.tokens.map(scale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a usage in which each class has another number of tokens.
    fn all_classes() -> Usage {
        let classes = (1_u64..).zip(TokenClass::ALL);
        classes.fold(Usage::bytes(100, 200), |usage, (n, class)| {
            usage.with(class, n)
        })
    }

    #[test]
    fn the_prompt_and_the_answer_are_the_sums_of_their_classes() {
        let usage = all_classes();
        assert_eq!((usage.prompt(), usage.completion()), (45, 60));
        for class in TokenClass::ALL {
            let one = Usage::default().with(class, 7);
            let expected = if class.is_input() { (7, 0) } else { (0, 7) };
            assert_eq!(
                (one.prompt(), one.completion()),
                expected,
                "{}",
                class.name()
            );
            assert_eq!(format!("{class:?}"), class.name());
        }
    }

    #[test]
    fn usages_add_up_in_each_class_and_saturate() {
        let usage = all_classes();
        let twice = usage.plus(&usage);
        assert_eq!((twice.bytes_in, twice.bytes_out), (200, 400));
        for class in TokenClass::ALL {
            assert_eq!(twice.tokens(class), 2 * usage.tokens(class));
        }
        let most = Usage::bytes(u64::MAX, u64::MAX).with(TokenClass::Input, u64::MAX);
        assert_eq!(most.plus(&most), most);
    }

    #[test]
    fn a_part_of_a_usage_is_rounded_up_and_never_above_the_whole() {
        let usage = all_classes();
        let part = usage.scaled(1, 3);
        assert_eq!((part.bytes_in, part.bytes_out), (34, 67));
        for class in TokenClass::ALL {
            assert_eq!(part.tokens(class), usage.tokens(class).div_ceil(3));
        }
        assert_eq!(usage.scaled(3, 3), usage);
        assert_eq!(usage.scaled(4, 3), usage);
        assert_eq!(usage.scaled(0, 3), Usage::default());
        assert_eq!(
            Usage::bytes(u64::MAX, 0).scaled(1, 2).bytes_in,
            u64::MAX / 2 + 1
        );
    }

    #[test]
    fn a_class_without_a_rate_has_that_of_the_nearest_one_above() {
        let parents = TokenClass::ALL.map(|class| class.parent().map_or("", TokenClass::name));
        let expected = [
            "",
            "Input",
            "CacheRead",
            "Input",
            "CacheWrite",
            "CacheWrite",
            "Input",
            "Input",
            "Input",
            "",
            "Output",
            "Output",
            "Output",
            "Output",
        ];
        assert_eq!(parents, expected);
    }
}
