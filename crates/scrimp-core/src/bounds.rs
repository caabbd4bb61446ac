//! Bounds of the layers, as traits whose errors name what helps.
//!
//! Each holds for every type that meets the bound itself: nobody implements them.

use bytes::Bytes;
use http_body::Body;

/// A body that a layer can make without a request: that of a call of its own.
#[diagnostic::on_unimplemented(
    message = "a layer cannot make a request body of type `{Self}`",
    label = "this body has no `Default`",
    note = "put `.stack()` (feature `stack` of `scrimp`) in front of the layers: it takes any body, and gives them one that they can \
            make. Or put tower's `.map_request(|request: Request<_>| request.map(scrimp::Body::new))` there"
)]
pub trait EmptyBody: Body + Default {}

/// A body that a layer can make of bytes: that of a batch.
#[diagnostic::on_unimplemented(
    message = "a layer cannot make a request body of type `{Self}` of bytes",
    label = "this body has no `From<Bytes>`",
    note = "put `.stack()` (feature `stack` of `scrimp`) in front of the layers: it takes any body, and gives them one that they can \
            make. Or put tower's `.map_request(|request: Request<_>| request.map(scrimp::Body::new))` there"
)]
pub trait BytesBody: Body<Data = Bytes> + From<Bytes> {}

/// A service that a layer can clone for a call that goes on in the background or waits for its turn.
#[diagnostic::on_unimplemented(
    message = "a layer cannot clone a service of type `{Self}`",
    label = "this service is not `Clone`",
    note = "for a limit of rate take `LimitLayer` (feature `limit`) in place of tower's `RateLimit`; put any other service behind \
            tower's `.buffer(n)`"
)]
pub trait CloneService: Clone {}

/// A layer that is built. Builders are not: the impl of `Layer` that they have with this bound never applies.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is the builder of a layer, and not yet a layer",
    label = "not built yet",
    note = "finish it with `.build()?`"
)]
pub trait Built<S> {}

#[diagnostic::do_not_recommend]
impl<B: Body + Default> EmptyBody for B {}

#[diagnostic::do_not_recommend]
impl<B: Body<Data = Bytes> + From<Bytes>> BytesBody for B {}

#[diagnostic::do_not_recommend]
impl<S: Clone> CloneService for S {}

/// Lets the compiler say what is missing where the builder of a layer is used as a layer.
#[doc(hidden)]
#[macro_export]
macro_rules! unbuilt {
    ($builder:ty $(, $parameter:ident)*) => {
        #[doc(hidden)]
        impl<S $(, $parameter)*> ::tower_layer::Layer<S> for $builder
        where
            Self: $crate::Built<S>,
        {
            type Service = S;

            fn layer(&self, inner: S) -> S {
                inner
            }
        }
    };
}
