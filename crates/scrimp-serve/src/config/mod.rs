//! The configuration: the file, read and checked.

mod admin;
mod audit;
mod batch;
mod budget;
mod cache;
mod provider;
mod route;
mod secret;
mod server;
mod tenants;
mod upstream;

pub(crate) use self::{
    admin::Admin,
    audit::Audit,
    batch::ReadBatch,
    budget::Budget,
    cache::{Cache, Coalesce, Stampede, Tier},
    provider::{Choice, Provider, layer as provider_layer},
    route::{Route, Target},
    secret::Secret,
    server::Server,
    tenants::Tenants,
    upstream::Upstream,
};

use std::path::Path;

use toml::de::DeTable;

use crate::read::{At, ConfigError, Problems, Section, nearest};

/// A configuration that can be used.
///
/// Each section has been checked by the builders of the layers that it sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub(crate) server: Server,
    pub(crate) admin: Option<Admin>,
    pub(crate) audit: Option<Audit>,
    pub(crate) cache: Cache,
    pub(crate) coalesce: Coalesce,
    pub(crate) stampede: Stampede,
    pub(crate) tenants: Tenants,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) routes: Vec<Route>,
}

// === impl Config ===

impl Config {
    /// Reads a file, and the secrets and certificates that it names.
    ///
    /// # Errors
    ///
    /// Returns all problems of the file, each with its line and what would be right.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &file),
            Err(error) => Err(ConfigError::unreadable(&file, error)),
        }
    }

    /// Reads a text. `file` is its name in errors.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let problems = Problems::default();
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let message = error.message().lines().next().unwrap_or("is no TOML");
            problems.add(&error.span().unwrap_or(0..0), message, "");
        }
        let root = Section::new("", Some((table.get_ref(), 0..0)), &problems);
        let config = Self::of(&root);
        problems.finish(file, text)?;
        Ok(config.expect("a section that cannot be read is a problem"))
    }

    fn of(root: &Section<'_>) -> Option<Self> {
        let server = Server::read(&root.inner("server", "server"));
        let admin = root.inner("admin", "admin");
        let admin = Admin::read(&admin);
        let audit = Audit::read(&root.inner("audit", "audit"));
        let cache = Cache::read(&root.inner("cache", "cache"));
        let coalesce = Coalesce::read(&root.inner("coalesce", "coalesce"));
        let stampede = Stampede::read(&root.inner("stampede", "stampede"));
        let upstreams = named(root, "upstream", "upstream", Upstream::read, |it| &it.name);
        let providers = named(root, "provider", "provider", Provider::read, |it| &it.name);
        let tenants = Tenants::read(&root.inner("tenants", "tenants"), root);
        let budgets = named(root, "budget", "budget", Budget::read, |it| &it.name);
        let routes = named(root, "route", "route", Route::read, |it| &it.name);
        let known = Names {
            upstreams: upstreams.iter().map(|it| it.name.clone()).collect(),
            providers: providers.iter().map(|it| it.name.clone()).collect(),
            tenants: tenants.as_ref().map_or_else(Vec::new, Tenants::names),
        };
        for (section, route) in root.list("route", "route").iter().zip(&routes) {
            route.check(section, &known);
        }
        for section in root.list("budget", "budget") {
            Budget::check(&section, &known);
        }
        if routes.is_empty() && !root.has("route") {
            let help = "write [[route]] with `upstream = \"…\"`, and [[upstream]] with `url`";
            root.add(&(0..0), "there is no [[route]]: nothing is served", help);
        }
        check_together(root, &providers, &budgets, &routes);
        Some(Self {
            server: server?,
            admin,
            audit,
            cache: cache?,
            coalesce,
            stampede,
            tenants: tenants?,
            upstreams,
            providers,
            budgets,
            routes,
        })
    }
}

/// The names that other sections may use.
pub(crate) struct Names {
    pub(crate) upstreams: Vec<String>,
    pub(crate) providers: Vec<String>,
    pub(crate) tenants: Vec<String>,
}

impl Names {
    /// Reports a name that no section has.
    pub(crate) fn expect(section: &Section<'_>, kind: &str, name: &At<String>, known: &[String]) {
        if known.contains(&name.value) {
            return;
        }
        let help = match nearest(&name.value, known) {
            Some(other) => format!("did you mean `{other}`?"),
            None if known.is_empty() => format!("there is no [[{kind}]]"),
            None => format!("there are: {}", known.join(", ")),
        };
        let message = format!("no [[{kind}]] has the name `{}`", name.value);
        section.add(&name.span, message, help);
    }
}

/// Reads the sections of a list, whose names must differ.
fn named<T>(
    root: &Section<'_>,
    key: &'static str,
    name: &'static str,
    read: impl Fn(&Section<'_>) -> Option<T>,
    name_of: impl Fn(&T) -> &String,
) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for section in root.list(key, name) {
        let Some(item) = read(&section) else {
            continue;
        };
        if all.iter().any(|other| name_of(other) == name_of(&item)) {
            let message = format!("two [[{key}]] have the name `{}`", name_of(&item));
            section.add(
                &section.span_of("name"),
                message,
                "give each a name of its own",
            );
        }
        all.push(item);
    }
    all
}

/// Checks what only several sections together can get wrong, by building the layers.
fn check_together(
    root: &Section<'_>,
    providers: &[Provider],
    budgets: &[Budget],
    routes: &[Route],
) {
    let budget = Budget::all(budgets);
    for (section, route) in root.list("route", "route").iter().zip(routes) {
        let Target::Providers(names, _) = &route.target else {
            continue;
        };
        let of = |name: &String| providers.iter().find(|provider| provider.name == *name);
        let chosen: Vec<&Provider> = names.iter().filter_map(of).collect();
        if chosen.len() != names.len() || chosen.is_empty() {
            continue;
        }
        let layer = provider::layer(&chosen).budget(budget.clone());
        if let Err(error) = layer.build() {
            section.add(&section.span_of("providers"), error.to_string(), "");
        }
    }
}
