//! Amounts of money.

use super::{check::Check, rejection::Code};

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// In the smallest unit of the currency.
    pub amount: i32,
    /// ISO 4217.
    pub currency: String,
}

impl Money {
    /// Looks over what an input holds in `field`.
    pub fn check(&self, check: &mut Check, field: &str) {
        check.number(&format!("{field}.amount"), self.amount, 0..=i32::MAX);
        if iso_currency::Currency::from_code(&self.currency).is_none() {
            let message = "A currency by its ISO 4217 code, such as EUR.";
            check.refuse(&format!("{field}.currency"), Code::Invalid, message);
        }
    }
}
