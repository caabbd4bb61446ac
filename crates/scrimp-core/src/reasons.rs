//! The reasons of a decision, and a count of each.

/// Declares the reasons for a decision of a layer, with a counter and a count of each.
///
/// The list stands once: a reason that is added has its word (for `Cache-Status`, logs and JSON),
/// its counter, and its field in the layer's statistics. A set of reasons is closed, so the
/// counters take a fixed amount of memory, whatever clients send.
///
/// ```
/// scrimp_core::reasons! {
///     /// Reason not to serve ice.
///     pub enum Reason;
///     /// Counters of the reasons.
///     struct Counters;
///     /// Guests without ice, by reason.
///     pub struct NotServed;
///
///     /// The freezer is empty.
///     SoldOut => sold_out, "sold-out";
///     /// It is winter.
///     TooCold => too_cold, "too-cold";
/// }
///
/// let counters = Counters::default();
/// counters.count(Reason::TooCold);
/// let counts: NotServed = counters.read();
/// assert_eq!((counts.too_cold, counts.total()), (1, 1));
/// assert_eq!(counts.iter().next(), Some(("sold-out", 0)));
/// assert_eq!(Reason::TooCold.word(), "too-cold");
/// ```
///
/// The crate needs a feature `serde`. With it, the counts implement `serde::Serialize`, with the
/// words as names.
#[macro_export]
macro_rules! reasons {
    (
        $(#[$reason_meta:meta])* $reason_vis:vis enum $Reason:ident;
        $(#[$counters_meta:meta])* $counters_vis:vis struct $Counters:ident;
        $(#[$counts_meta:meta])* $counts_vis:vis struct $Counts:ident;
        $($(#[$meta:meta])* $Variant:ident => $field:ident, $word:literal;)+
    ) => {
        $(#[$reason_meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $reason_vis enum $Reason {
            $($(#[$meta])* $Variant,)+
        }

        impl $Reason {
            const ALL: &'static [Self] = &[$(Self::$Variant,)+];

            /// Returns the reason as a word: a token of lower-case letters and hyphens.
            $reason_vis const fn word(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)+
                }
            }
        }

        $(#[$counters_meta])*
        #[derive(Debug, Default)]
        $counters_vis struct $Counters([$crate::Counter; $Reason::ALL.len()]);

        impl $Counters {
            /// Counts one decision for this reason.
            $counters_vis fn count(&self, reason: $Reason) {
                self.0[reason as usize].increment();
            }

            /// Returns the counts so far.
            $counters_vis fn read(&self) -> $Counts {
                $Counts {
                    $($field: self.0[$Reason::$Variant as usize].get(),)+
                }
            }
        }

        $(#[$counts_meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[non_exhaustive]
        $counts_vis struct $Counts {
            $(
                $(#[$meta])*
                #[cfg_attr(feature = "serde", serde(rename = $word))]
                $counts_vis $field: u64,
            )+
        }

        impl $Counts {
            /// Returns each reason as a word, with its count, in the order of the fields.
            $counts_vis fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$(($word, self.$field),)+].into_iter()
            }

            /// Returns the sum of all counts.
            #[must_use]
            $counts_vis fn total(&self) -> u64 {
                self.iter().map(|(_, count)| count).sum()
            }
        }
    };
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    reasons! {
        /// Reason not to serve ice.
        enum Reason;
        /// Counters of the reasons.
        struct Counters;
        /// Guests without ice, by reason.
        struct NotServed;

        /// The freezer is empty.
        SoldOut => sold_out, "sold-out";
    }

    #[test]
    fn counts_are_written_under_the_words_of_their_reasons() {
        let counters = Counters::default();
        counters.count(Reason::SoldOut);
        let counts = counters.read();
        let json = serde_json::to_string(&counts).expect("a map of numbers");
        assert_eq!(json, format!("{{\"{}\":1}}", Reason::SoldOut.word()));
        assert_eq!((counts.iter().count(), counts.total()), (1, 1));
    }
}
