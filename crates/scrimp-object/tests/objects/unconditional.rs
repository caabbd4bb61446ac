//! An object store without conditional writes.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use futures_util::{future::BoxFuture, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    memory::InMemory, path::Path,
};
use scrimp_cache::PutOutcome;

use crate::rig::Node;

#[derive(Debug)]
struct Unconditional(InMemory);

impl fmt::Display for Unconditional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unconditional")
    }
}

impl ObjectStore for Unconditional {
    fn put_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> BoxFuture<'c, Result<PutResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            match options.mode {
                PutMode::Overwrite => self.0.put_opts(location, payload, options).await,
                _ => Err(Error::NotImplemented {
                    operation: "a conditional write".to_owned(),
                    implementer: self.to_string(),
                }),
            }
        })
    }

    fn put_multipart_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        options: PutMultipartOptions,
    ) -> BoxFuture<'c, Result<Box<dyn MultipartUpload>>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.put_multipart_opts(location, options)
    }

    fn get_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        options: GetOptions,
    ) -> BoxFuture<'c, Result<GetResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.get_opts(location, options)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    fn list_with_delimiter<'a, 'b, 'c>(
        &'a self,
        prefix: Option<&'b Path>,
    ) -> BoxFuture<'c, Result<ListResult>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.list_with_delimiter(prefix)
    }

    fn copy_opts<'a, 'b, 'd, 'c>(
        &'a self,
        from: &'b Path,
        to: &'d Path,
        options: CopyOptions,
    ) -> BoxFuture<'c, Result<()>>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
        Self: 'c,
    {
        self.0.copy_opts(from, to, options)
    }
}

#[tokio::test]
async fn one_process_loses_no_variants_and_no_fences_without_conditional_writes() {
    let node = Node::start(Arc::new(Unconditional(InMemory::new())));
    for language in ["en", "de", "fr"] {
        assert!(!node.send("/a", language, None).await);
        assert_eq!(node.put().await, Ok(PutOutcome::Stored));
    }
    for language in ["en", "de", "fr"] {
        assert!(node.send("/a", language, None).await, "{language}");
    }
    // A holder of the lock that has lost it since.
    node.blind.store(true, SeqCst);
    for (fence, outcome) in [
        (5, PutOutcome::Stored),
        (4, PutOutcome::Superseded),
        (6, PutOutcome::Stored),
    ] {
        assert!(!node.send("/fenced", "en", Some(fence)).await);
        assert_eq!(node.put().await, Ok(outcome), "{fence}");
    }
}
