//! The request of a prefetch.

use http::{HeaderMap, HeaderValue, Method, Request, Uri, header::HOST};
use scrimp_core::extensions::{Directive, Explain, Priority};
use scrimp_http::{
    framing,
    role::{Role, role_by},
};

use crate::{config::Config, request::Event};

/// Makes a request like that of an event, for another target.
pub(super) fn make(
    config: &Config,
    event: &Event,
    uri: Uri,
    host: Option<&HeaderValue>,
) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    *request.version_mut() = event.version;
    *request.headers_mut() = fields(config, &event.headers);
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host.clone());
    }
    let extensions = request.extensions_mut();
    extensions.insert(Directive::Prefetch);
    extensions.insert(Priority::Low);
    extensions.insert(Explain);
    if let Some(tenant) = &event.tenant {
        extensions.insert(tenant.clone());
    }
    if let Some(private_if) = &event.private_if {
        extensions.insert(private_if.clone());
    }
    request
}

/// Returns the fields that hold for any request of the session: without conditions, directives to caches,
/// and traces of a call, and without credentials unless they are wanted.
fn fields(config: &Config, headers: &HeaderMap) -> HeaderMap {
    let is_kept = |role| match role {
        Role::Preference | Role::Host | Role::Retelling | Role::Client | Role::Other => true,
        Role::Credential => config.personal,
        _ => false,
    };
    let mut kept = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in framing::own_fields(headers) {
        if is_kept(role_by(name, &config.credentials)) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}
