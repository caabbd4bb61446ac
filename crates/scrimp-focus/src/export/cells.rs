//! The cells of a row.

use std::collections::BTreeMap;

use scrimp_core::Money;

use super::{FocusExport, columns::COLUMNS, decimal};
use crate::LedgerRow;

/// Charge that a row of the export is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charge {
    /// Calls that were made.
    Made,
    /// Calls that were avoided, as if they had been made.
    Avoided,
    /// The credit that takes them back.
    Credit,
}

/// Content of a cell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell {
    Empty,
    Text(&'static str),
    Cost,
    BillingAccount,
    Invoice,
    Currency,
    BillingStart,
    BillingEnd,
    ChargeStart,
    ChargeEnd,
    Category,
    Description,
    Consumed,
    ConsumedUnit,
    Provider,
    PricingCategory,
    Calls,
    CallsUnit,
    Service,
    ServiceCategory,
    ServiceSubcategory,
    Sku,
    Tenant,
    TenantType,
    Tags,
    AvoidedCost,
    AvoidedCalls,
    TokensIn,
    TokensOut,
}

/// A row of the export, before it is text.
struct Row<'a> {
    export: &'a FocusExport,
    row: &'a LedgerRow,
    charge: Charge,
    billing: [String; 2],
    period: [String; 2],
}

/// Returns the cells of a row, in the order of the columns.
pub(super) fn cells(export: &FocusExport, row: &LedgerRow, charge: Charge) -> Vec<String> {
    let period = row.period.texts();
    let months = row.period.months();
    let row = Row {
        export,
        row,
        charge,
        // Beyond the calendar there are no months.
        billing: months.map_or_else(|| period.clone(), |months| months.texts()),
        period,
    };
    COLUMNS.iter().map(|column| row.text(column.cell)).collect()
}

/// Writes a quantity as a decimal, whose type readers guess from its text.
fn quantity(count: u64) -> String {
    format!("{count}.0")
}

/// Disarms a name that a spreadsheet would take for a formula.
fn disarmed(name: &str) -> String {
    match name.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{name}"),
        false => name.to_owned(),
    }
}

// === impl Row ===

impl Row<'_> {
    fn text(&self, cell: Cell) -> String {
        let (row, is_usage) = (self.row, self.charge != Charge::Credit);
        let for_usage = |text: String| if is_usage { text } else { String::new() };
        match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.to_owned(),
            Cell::Cost => decimal(self.cost()),
            Cell::BillingAccount => disarmed(&self.export.billing_account),
            Cell::Invoice => disarmed(&self.export.invoice),
            Cell::Currency => row.spent.currency().code().to_owned(),
            Cell::BillingStart => self.billing[0].clone(),
            Cell::BillingEnd => self.billing[1].clone(),
            Cell::ChargeStart => self.period[0].clone(),
            Cell::ChargeEnd => self.period[1].clone(),
            Cell::Category => if is_usage { "Usage" } else { "Credit" }.to_owned(),
            Cell::Description => self.description(),
            Cell::Consumed => for_usage(quantity(self.consumed().0)),
            Cell::ConsumedUnit => for_usage(self.consumed().1.to_owned()),
            Cell::Provider => disarmed(self.export.provider_for(&row.model)),
            Cell::PricingCategory => for_usage("Standard".to_owned()),
            Cell::Calls => for_usage(quantity(self.calls())),
            Cell::CallsUnit => for_usage("Requests".to_owned()),
            Cell::Service => disarmed(self.export.service_of(self.has_model())),
            Cell::ServiceCategory => match self.has_model() {
                true => "AI and Machine Learning".to_owned(),
                false => "Other".to_owned(),
            },
            Cell::ServiceSubcategory => match self.has_model() {
                true => "Generative AI".to_owned(),
                false => "Other (Other)".to_owned(),
            },
            Cell::Sku => disarmed(if self.has_model() {
                &row.model
            } else {
                "requests"
            }),
            Cell::Tenant => disarmed(&row.tenant),
            Cell::TenantType => match row.tenant.is_empty() {
                true => String::new(),
                false => "Tenant".to_owned(),
            },
            Cell::Tags => self.tags(),
            Cell::AvoidedCost => decimal(self.on_main_row(row.saved)),
            Cell::AvoidedCalls => self.count(row.calls_avoided),
            Cell::TokensIn => self.count(row.tokens_in),
            Cell::TokensOut => self.count(row.tokens_out),
        }
    }

    fn cost(&self) -> Money {
        let saved = self.row.saved;
        match self.charge {
            Charge::Made => self.row.spent,
            Charge::Avoided => saved,
            Charge::Credit => Money::from_pico(saved.pico().saturating_neg(), saved.currency()),
        }
    }

    fn calls(&self) -> u64 {
        match self.charge {
            Charge::Made => self.row.calls,
            Charge::Avoided | Charge::Credit => self.row.calls_avoided,
        }
    }

    fn consumed(&self) -> (u64, &'static str) {
        let tokens = self.row.tokens_in.saturating_add(self.row.tokens_out);
        match (self.charge, tokens) {
            (Charge::Made, 1..) => (tokens, "Tokens"),
            _ => (self.calls(), "Requests"),
        }
    }

    fn has_model(&self) -> bool {
        !self.row.model.is_empty()
    }

    fn description(&self) -> String {
        let row = self.row;
        let what = match self.charge {
            Charge::Made => format!("{} calls", row.calls),
            Charge::Avoided => format!("{} calls that were avoided, as if made", row.calls_avoided),
            Charge::Credit => format!("Cost of {} calls that were avoided", row.calls_avoided),
        };
        let name = |text: &str, name: &str| match name {
            "" => String::new(),
            name => format!("{text}{name}"),
        };
        let (route, model) = (name(" on ", &row.route), name(" of ", &row.model));
        format!("{what}{model}{route}, by {}", row.layer)
    }

    fn tags(&self) -> String {
        let row = self.row;
        let own = [
            ("scrimp/layer", &*row.layer),
            ("scrimp/route", &*row.route),
            ("scrimp/model", &*row.model),
            (
                "scrimp/avoided",
                if self.charge == Charge::Made {
                    ""
                } else {
                    "true"
                },
            ),
        ];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        // What callers name like that would be taken for ours.
        let tags = row
            .tags
            .iter()
            .filter(|(key, _)| !key.starts_with("scrimp/"));
        let all: BTreeMap<_, _> = tags.chain(own).collect();
        serde_json::to_string(&all).unwrap_or_default()
    }

    fn on_main_row(&self, amount: Money) -> Money {
        match self.charge {
            Charge::Made => amount,
            Charge::Avoided | Charge::Credit => Money::zero(amount.currency()),
        }
    }

    fn count(&self, count: u64) -> String {
        let count = if self.charge == Charge::Made {
            count
        } else {
            0
        };
        count.to_string()
    }
}
