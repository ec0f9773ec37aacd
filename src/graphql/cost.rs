//! What a request costs: the same number that its ceiling is held against.

use async_graphql::{
    ServerError, ValidationResult,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Where the cost of a request is noted.
#[derive(Clone, Debug)]
pub struct Spent(Arc<AtomicUsize>);

const UNKNOWN: usize = usize::MAX;

impl Default for Spent {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(UNKNOWN)))
    }
}

impl Spent {
    /// The cost, where the request came so far.
    #[must_use]
    pub fn cost(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|cost| *cost != UNKNOWN)
    }
}

/// Notes what requests cost.
pub struct Costing;

impl ExtensionFactory for Costing {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Costing {
    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(context).await?;
        if let Some(spent) = context.data_opt::<Spent>() {
            spent.0.store(result.complexity, Ordering::Relaxed);
        }
        Ok(result)
    }
}
