//! Amounts of money.

use crate::kernel::money;
use async_graphql::{InputObject, SimpleObject};

/// An amount of money.
#[derive(Clone, Debug, SimpleObject)]
pub struct Money {
    /// In the currency's smallest unit: 1250 EUR is twelve euros and fifty cents.
    amount: i32,
    /// The currency (ISO 4217), such as EUR.
    currency: String,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { amount: money.amount, currency: money.currency }
    }
}

/// An amount of money.
#[derive(Clone, Debug, InputObject)]
pub struct MoneyInput {
    /// In the currency's smallest unit, 0 or more.
    amount: i32,
    /// The currency (ISO 4217), such as EUR.
    currency: String,
}

impl From<MoneyInput> for money::Money {
    fn from(money: MoneyInput) -> Self {
        Self { amount: money.amount, currency: money.currency }
    }
}
