//! What an operation costs: the number that its ceiling is held against, and that its principal pays.

use super::schema::{MedislotSchema, schema};
use crate::config::Limits;
use async_graphql::{
    Request, ServerError, ValidationResult,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation},
};
use std::sync::{Arc, OnceLock};

/// Looks operations over by all rules of the schema, and tells what they cost. Nothing runs: the library tells the cost to its extensions
/// alone, and in the schema that runs an extension would slow down every field.
#[derive(Clone)]
pub struct Pricing(MedislotSchema);

impl Pricing {
    /// By these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self(schema(limits).extension(Stop).finish())
    }

    /// What an operation costs.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn price(&self, request: Request) -> Result<usize, Vec<ServerError>> {
        let price = Price::default();
        let response = self.0.execute(request.data(price.clone())).await;
        price.0.get().copied().ok_or(response.errors)
    }
}

/// Where the cost is noted.
#[derive(Clone, Default)]
struct Price(Arc<OnceLock<usize>>);

/// Ends what has been looked over before it runs.
struct Stop;

impl ExtensionFactory for Stop {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Stop {
    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(context).await?;
        if let Some(Price(price)) = context.data_opt() {
            let _ = price.set(result.complexity);
        }
        Err(Vec::new())
    }
}
