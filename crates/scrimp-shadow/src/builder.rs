//! The builder and its settings.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use scrimp_core::{SettingError, Settings};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Recorded, ShadowLayer,
    config::{Config, OWNER},
    worker::Worker,
};

/// Settings of a [`ShadowLayer`].
#[must_use]
pub struct ShadowLayerBuilder {
    settings: Settings<Config>,
    worker: Worker,
}

// === impl ShadowLayer ===

impl ShadowLayer {
    /// Starts a trial of a layer. It begins with its first request.
    pub fn builder<L, B>(layer: L) -> ShadowLayerBuilder
    where
        L: Layer<Recorded> + Send + 'static,
        L::Service: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Full<Bytes>>>>::Future: Send,
        <L::Service as Service<Request<Full<Bytes>>>>::Error: Send,
        B: Body<Data = Bytes> + Send + 'static,
    {
        ShadowLayerBuilder {
            settings: Settings::new(OWNER, Config::default()),
            worker: Worker::new(layer),
        }
    }

    /// Tries a layer, with the default settings.
    pub fn new<L, B>(layer: L) -> Self
    where
        L: Layer<Recorded> + Send + 'static,
        L::Service: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Full<Bytes>>>>::Future: Send,
        <L::Service as Service<Request<Full<Bytes>>>>::Error: Send,
        B: Body<Data = Bytes> + Send + 'static,
    {
        Self::of(Config::default(), Worker::new(layer))
    }
}

// === impl ShadowLayerBuilder ===

impl ShadowLayerBuilder {
    /// Sets how many requests the tried layer may have at a time. Further ones are not shown to it, and
    /// counted as skipped. Default: 1,024. Range: 1 or more.
    pub fn max_requests(mut self, count: usize) -> Self {
        let set = |config: &mut Config, count| config.max_requests = count;
        self.settings = self.settings.within("max_requests", count, 1.., set);
        self
    }

    /// Sets how many bytes of bodies may wait for the tried layer to read them. A body that would take more
    /// breaks off for it, and is counted as skipped. Default: 64 MiB. Range: 1 or more.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        let set = |config: &mut Config, bytes| config.max_bytes = bytes;
        self.settings = self.settings.within("max_bytes", bytes, 1.., set);
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range. The error names the first one.
    pub fn build(self) -> Result<ShadowLayer, SettingError> {
        Ok(ShadowLayer::of(self.settings.finish()?, self.worker))
    }
}

impl std::fmt::Debug for ShadowLayerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShadowLayerBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
