//! The columns, in their order.

use super::cells::Cell;

/// A column, and what is in its cells.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) cell: Cell,
}

const fn column(name: &'static str, cell: Cell) -> Column {
    Column { name, cell }
}

/// All mandatory columns of FOCUS 1.2, and those of the others that a ledger knows. It knows no unit prices.
pub(super) const COLUMNS: [Column; 38] = [
    column("BilledCost", Cell::Cost),
    column("BillingAccountId", Cell::BillingAccount),
    column("BillingAccountName", Cell::BillingAccount),
    column("BillingCurrency", Cell::Currency),
    column("BillingPeriodEnd", Cell::BillingEnd),
    column("BillingPeriodStart", Cell::BillingStart),
    column("ChargeCategory", Cell::Category),
    column("ChargeClass", Cell::Empty),
    column("ChargeDescription", Cell::Description),
    column("ChargeFrequency", Cell::Text("Usage-Based")),
    column("ChargePeriodEnd", Cell::ChargeEnd),
    column("ChargePeriodStart", Cell::ChargeStart),
    // Empty, as others' rules depend on it.
    column("CommitmentDiscountStatus", Cell::Empty),
    column("ConsumedQuantity", Cell::Consumed),
    column("ConsumedUnit", Cell::ConsumedUnit),
    column("ContractedCost", Cell::Cost),
    column("EffectiveCost", Cell::Cost),
    column("InvoiceId", Cell::Invoice),
    column("InvoiceIssuerName", Cell::Provider),
    column("ListCost", Cell::Cost),
    column("PricingCategory", Cell::PricingCategory),
    column("PricingQuantity", Cell::Calls),
    column("PricingUnit", Cell::CallsUnit),
    column("ProviderName", Cell::Provider),
    column("PublisherName", Cell::Provider),
    column("ServiceCategory", Cell::ServiceCategory),
    column("ServiceName", Cell::Service),
    column("ServiceSubcategory", Cell::ServiceSubcategory),
    column("SkuId", Cell::Sku),
    column("SkuPriceId", Cell::Sku),
    column("SubAccountId", Cell::Tenant),
    column("SubAccountName", Cell::Tenant),
    column("SubAccountType", Cell::TenantType),
    column("Tags", Cell::Tags),
    column("x_ScrimpAvoidedCost", Cell::AvoidedCost),
    column("x_ScrimpCallsAvoided", Cell::AvoidedCalls),
    column("x_ScrimpTokensIn", Cell::TokensIn),
    column("x_ScrimpTokensOut", Cell::TokensOut),
];
