//! One test per law.

/// Makes one `#[test]` per law for the [`Subject`](crate::Subject) of the expression, which is
/// evaluated once per test.
#[macro_export]
macro_rules! contract {
    (@laws $subject:expr; $($law:ident),* $(,)?) => {
        const _: () = assert!(
            [$(stringify!($law)),*].len() == $crate::laws::ALL.len(),
            "`contract!` and `laws::ALL` list the same laws",
        );
        $(
            #[test]
            fn $law() {
                $crate::laws::assert(stringify!($law), &$subject);
            }
        )*
    };
    ($subject:expr) => {
        $crate::contract! { @laws $subject;
            no_permit_is_stranded,
            readiness_is_honest,
            an_unready_inner_fails_the_call_not_the_layer,
            a_hit_needs_no_backend,
            services_of_one_layer_share_state,
            a_clone_is_not_ready,
            a_call_may_be_dropped_at_every_await,
            a_hundred_cancelled_calls_leave_nothing,
            a_dropped_caller_does_not_disturb_the_others,
            a_panic_leaves_no_key_wedged,
            an_unpolled_call_is_not_dispatched,
            no_poll_without_a_wake,
            a_crowd_makes_one_call_and_is_polled_for_its_answer,
            a_permit_lives_as_long_as_the_body,
            the_reported_length_of_a_body_is_true,
            an_empty_frame_is_not_the_end,
            trailers_are_kept,
            only_a_clean_end_is_committed,
            an_incomplete_body_is_no_callers_response,
            extensions_survive,
            errors_keep_their_source,
            refusals_come_from_the_future,
            a_private_response_goes_to_one_caller,
        }
    };
}
