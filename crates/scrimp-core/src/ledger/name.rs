//! Names of accounts, and where those beyond the bounds go.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use http::Extensions;

use super::Books;
use crate::{
    Currency,
    extensions::{CalledModel, CostTags, OTHER},
};

/// Highest number of accounts in a ledger. Above it, money goes to the layer's `(other)` account,
/// so that invented tenants cannot fill the memory.
pub(super) const MAX_ACCOUNTS: usize = 10_000;

/// Highest number of accounts with a model or tags, so that invented labels take no room from
/// tenants. Above it, money goes to the account of its tenant and route with the label `(other)`.
pub(super) const MAX_LABELLED: usize = 5_000;

/// Longest name of a model, in bytes.
const LONGEST_MODEL: usize = 256;

#[derive(Clone)]
pub(super) struct Name {
    pub(super) layer: &'static str,
    pub(super) tenant: Box<str>,
    pub(super) route: Box<str>,
    pub(super) model: Box<str>,
    pub(super) tags: CostTags,
    pub(super) currency: Currency,
}

/// Name of an account of a [`Ledger`](super::Ledger).
///
/// ```
/// use scrimp_core::{AccountName, Currency, Ledger, extensions::CostTags};
///
/// let (ledger, tags) = (Ledger::new(), CostTags::new([("team", "search")]));
/// let name = AccountName::new("cache", "acme", "/search", Currency::USD);
/// ledger.open(name.model("small").tags(&tags)).made("0.01".parse()?);
/// assert_eq!(ledger.lines()[0].tags, tags);
/// # Ok::<(), scrimp_core::ParseMoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName<'a> {
    pub(super) layer: &'static str,
    pub(super) tenant: &'a str,
    pub(super) route: &'a str,
    pub(super) model: &'a str,
    pub(super) tags: &'a CostTags,
    pub(super) currency: Currency,
}

/// The open accounts.
#[derive(Default)]
pub(super) struct Open {
    books: HashMap<Name, Arc<Books>>,
    labelled: usize,
}

/// Something with a name: the key of the map, or what is looked up in it.
trait Named {
    fn name(&self) -> AccountName<'_>;
}

// === impl Open ===

impl Open {
    /// Returns the account of a name, or the one that stands for it if there is no room.
    pub(super) fn find(&self, name: AccountName<'_>) -> Option<&Arc<Books>> {
        self.get(name).or_else(|| {
            let place = self.place(name);
            (place != name).then(|| self.get(place)).flatten()
        })
    }

    /// Returns the same, and opens the account if needed.
    pub(super) fn open(
        &mut self,
        name: AccountName<'_>,
        open: impl FnOnce(Name) -> Books,
    ) -> &Arc<Books> {
        let name = match self.get(name) {
            Some(_) => name,
            None => self.place(name),
        };
        if self.get(name).is_none() {
            self.labelled += usize::from(name.is_labelled());
            let name = name.to_owned();
            self.books.insert(name.clone(), Arc::new(open(name)));
        }
        self.get(name).expect("it was there, or is inserted above")
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Arc<Books>> {
        self.books.values()
    }

    fn get(&self, name: AccountName<'_>) -> Option<&Arc<Books>> {
        self.books.get(&name as &dyn Named)
    }

    /// Returns the name under which a new account is opened.
    fn place<'a>(&self, name: AccountName<'a>) -> AccountName<'a> {
        let mut place = name;
        if name.model.len() > LONGEST_MODEL {
            place.model = OTHER;
        }
        if name.is_labelled() && self.labelled >= MAX_LABELLED {
            place = place.with_other_labels();
        }
        if self.books.len() >= MAX_ACCOUNTS && self.get(place).is_none() {
            (place.tenant, place.route) = (OTHER, OTHER);
            place = place.with_other_labels();
        }
        place
    }
}

// === impl Name ===

impl Named for Name {
    fn name(&self) -> AccountName<'_> {
        AccountName {
            layer: self.layer,
            tenant: &self.tenant,
            route: &self.route,
            model: &self.model,
            tags: &self.tags,
            currency: self.currency,
        }
    }
}

impl Name {
    pub(super) fn borrowed(&self) -> AccountName<'_> {
        self.name()
    }
}

impl<'a> Borrow<dyn Named + 'a> for Name {
    fn borrow(&self) -> &(dyn Named + 'a) {
        self
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

// === impl AccountName ===

impl<'a> AccountName<'a> {
    /// Makes the name of the account of a layer, tenant and route in one currency.
    #[must_use]
    pub fn new(layer: &'static str, tenant: &'a str, route: &'a str, currency: Currency) -> Self {
        Self {
            layer,
            tenant,
            route,
            model: "",
            tags: CostTags::none(),
            currency,
        }
    }

    /// Sets the model of the calls. An empty name means that it is not known.
    #[must_use]
    pub fn model(mut self, model: &'a str) -> Self {
        self.model = model;
        self
    }

    /// Sets the tags of the requests.
    #[must_use]
    pub fn tags(mut self, tags: &'a CostTags) -> Self {
        self.tags = tags;
        self
    }

    /// Sets the labels that a request and its response have. A label that neither has is kept.
    #[must_use]
    pub fn labelled(mut self, request: &'a Extensions, response: &'a Extensions) -> Self {
        if let Some(tags) = request.get() {
            self.tags = tags;
        }
        if let Some(CalledModel(model)) = response.get() {
            self.model = model;
        }
        self
    }

    fn is_labelled(self) -> bool {
        !self.model.is_empty() || !self.tags.is_empty()
    }

    /// Returns the name with `(other)` for each label that it has.
    fn with_other_labels(self) -> Self {
        Self {
            model: if self.model.is_empty() { "" } else { OTHER },
            tags: match self.tags.is_empty() {
                true => self.tags,
                false => CostTags::rest(),
            },
            ..self
        }
    }

    fn to_owned(self) -> Name {
        Name {
            layer: self.layer,
            tenant: self.tenant.into(),
            route: self.route.into(),
            model: self.model.into(),
            tags: self.tags.clone(),
            currency: self.currency,
        }
    }
}

impl Named for AccountName<'_> {
    fn name(&self) -> AccountName<'_> {
        *self
    }
}

// === impl dyn Named ===

impl PartialEq for dyn Named + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn Named + '_ {}

impl Hash for dyn Named + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}
