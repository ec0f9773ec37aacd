//! The slots of a doctor, of which there may be hundreds.

use super::slot::Slot;
use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field, registry::Registry,
};
use futures_util::future::try_join_all;
use std::borrow::Cow;

/// The most futures that `try_join_all` polls by going through them. More than these wait in a queue, which costs more than a slot does.
const TOGETHER: usize = 30;

/// A list of slots, answered as every list is: all at the same time, so that what they link to is read at once.
pub struct SlotList(pub Vec<Slot>);

impl OutputType for SlotList {
    fn type_name() -> Cow<'static, str> {
        <Vec<Slot> as OutputType>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<Slot> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<Slot> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, context: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let groups = self.0.chunks(TOGETHER).enumerate().map(|(group, slots)| {
            try_join_all(slots.iter().enumerate().map(move |(place, slot)| async move {
                let context = context.with_index(group * TOGETHER + place);
                slot.resolve(&context, field).await.map_err(|error| context.set_error_path(error))
            }))
        });
        Ok(Value::List(try_join_all(groups).await?.into_iter().flatten().collect()))
    }
}
