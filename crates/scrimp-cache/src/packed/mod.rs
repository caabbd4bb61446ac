//! Parts of stored responses in the form that takes least memory.
//!
//! Responses have much in common: the names of their fields, the values under most of them, and the
//! request fields that they were selected by. Such parts are shared by all responses of a layer that
//! have them.

mod fields;
mod own;
mod pool;
mod selection;
mod shape;
mod value;
mod weight;
#[cfg(feature = "codec")]
mod written;

pub(crate) use fields::StoredFields;
#[cfg(feature = "codec")]
pub(crate) use fields::StoredLine;
#[cfg(feature = "codec")]
pub(crate) use selection::KnownSelections;
pub(crate) use selection::Selections;
pub(crate) use shape::Shapes;
pub(crate) use weight::headers_size;
#[cfg(feature = "codec")]
pub(crate) use written::{KnownShapes, WrittenFields};

/// Holds the parts that stored responses of a layer share.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommonParts {
    pub(crate) shapes: Shapes,
    pub(crate) selections: Selections,
}

// === impl CommonParts ===

impl CommonParts {
    /// Forgets the parts that no stored response has.
    pub(crate) fn tidy(&self) {
        self.shapes.tidy();
        self.selections.tidy();
    }
}
