//! From inputs to what services take.

use crate::kernel::{
    patch::Patch,
    rejection::{Refusal, Rejection},
};
use async_graphql::{ID, MaybeUndefined};
use std::str::FromStr;

/// The id in `field` of an input: one that is malformed names nothing.
pub fn id<T: FromStr>(id: &ID, field: &str) -> Result<T, Rejection> {
    Ok(id.parse().map_err(|_| Refusal::not_found(field))?)
}

/// The ids in the list `field` of an input.
pub fn ids<T: FromStr>(ids: &[ID], field: &str) -> Result<Vec<T>, Rejection> {
    ids.iter().enumerate().map(|(place, each)| id(each, &format!("{field}.{place}"))).collect()
}

/// What an update says of a field: absent keeps it, null clears it.
pub fn patch<T, U: From<T>>(given: MaybeUndefined<T>) -> Patch<U> {
    match given {
        MaybeUndefined::Undefined => Patch::Keep,
        MaybeUndefined::Null => Patch::Clear,
        MaybeUndefined::Value(value) => Patch::Set(value.into()),
    }
}
