//! Declaration of all metrics of a source.

/// Declares the metrics of a source, each as a constant, and all of them as `METRICS`.
///
/// ```
/// scrimp_core::metered! {
///     counter GUESTS = "bar_guests_total", "Guests.";
///     counter SERVED["drink"] = "bar_served_total", "Drinks served.";
/// }
///
/// assert_eq!(SERVED.label_names(), ["drink"]);
/// assert_eq!(METRICS, [GUESTS, SERVED]);
/// ```
#[macro_export]
macro_rules! metered {
    ($($kind:ident $NAME:ident $([$($label:literal),+])? = $name:literal, $help:literal;)+) => {
        $(
            const $NAME: $crate::metrics::Metric =
                $crate::metrics::Metric::$kind($name, $help)$(.labels(&[$($label),+]))?;
        )+

        static METRICS: &[$crate::metrics::Metric] = &[$($NAME),+];
    };
}
