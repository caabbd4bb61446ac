//! Law 12: all types are `Send`, and none needs to be `Sync`.

/// Compiles only if `T` can be sent to another thread.
///
/// ```
/// scrimp_testkit::assert_send::<scrimp_testkit::Scripted>();
/// scrimp_testkit::assert_send::<scrimp_testkit::ScriptedBody>();
/// ```
///
/// Neither of these two can be *shared* between threads, so a layer that accepts them does not
/// require `Sync`:
///
/// ```compile_fail
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<scrimp_testkit::ScriptedBody>();
/// ```
///
/// ```compile_fail
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<scrimp_testkit::Scripted>();
/// ```
pub const fn assert_send<T: Send>() {}

/// Compiles only if the value can be sent to another thread. Its type may have no name.
pub const fn assert_send_value<T: Send>(_: &T) {}
