//! Pages of tables by keyset: what is inserted or removed meanwhile never shifts a page.

use crate::kernel::page::PageRequest;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select, TryGetable, Value,
    sea_query::{Asterisk, Expr, ExprTrait, Query, WindowStatement},
};
use std::{collections::HashMap, hash::Hash};

/// A list of rows in the order of two columns, the second of which is unique.
#[derive(Debug)]
pub struct Listing<E: EntityTrait> {
    /// Which rows.
    pub select: Select<E>,
    /// What they are ordered by.
    pub columns: [E::Column; 2],
    /// In which direction.
    pub order: Order,
    /// The values of the two columns that the page begins behind.
    pub after: Option<[Value; 2]>,
}

/// What was read for a page: one row more than it holds, where there is one, and the size of the list where it was asked for.
#[derive(Debug)]
pub struct Rows<M> {
    /// The rows in reading order.
    pub rows: Vec<M>,
    /// The size of the list.
    pub total: Option<u64>,
}

impl<E: EntityTrait> Listing<E> {
    /// Reads a page.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn page<C: ConnectionTrait, M: FromQueryResult>(
        self,
        connection: &C,
        request: &PageRequest,
    ) -> Result<Rows<M>, DbErr>
    where
        E::Model: Send + Sync,
    {
        let total = if request.count { Some(self.select.clone().count(connection).await?) } else { None };
        let direction = self.direction(request);
        let [first, second] = self.columns;
        let top = self
            .select
            .filter(beyond::<E>(self.columns, self.after, &direction))
            .order_by(first, direction.clone())
            .order_by(second, direction)
            .limit(u64::from(request.size) + 1)
            .into_query();
        let rows = connection.query_all(&top).await?;
        let rows = rows.iter().map(|row| M::from_query_result(row, "")).collect::<Result<_, _>>()?;
        Ok(Rows { rows, total })
    }

    /// Reads the same page of many lists at once: those of the rows where `group` is one of `groups`.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn pages<C, G, K, M>(
        self,
        connection: &C,
        group: G,
        groups: &[K],
        request: &PageRequest,
    ) -> Result<HashMap<K, Rows<M>>, DbErr>
    where
        M: FromQueryResult,
        C: ConnectionTrait,
        G: ColumnTrait,
        K: Copy + Eq + Hash + Into<Value> + TryGetable,
    {
        let group_key = || Expr::col(group.as_column_ref());
        let grouped = self.select.clone().filter(group.is_in(groups.iter().copied()));
        let mut pages: HashMap<K, Rows<M>> = HashMap::new();
        if request.count {
            let counts = grouped.clone().select_only().expr_as(group_key(), "group_key");
            let counts = counts.expr_as(Expr::cust("COUNT(*)"), "total").group_by(group_key()).into_query();
            for row in connection.query_all(&counts).await? {
                let total = row.try_get::<i64>("", "total")?.try_into().ok();
                pages.insert(row.try_get("", "group_key")?, Rows { rows: Vec::new(), total });
            }
        }
        let direction = self.direction(request);
        let [first, second] = self.columns.map(|column| column.as_column_ref());
        let place = WindowStatement::partition_by(group.as_column_ref())
            .order_by(first, direction.clone())
            .order_by(second, direction.clone())
            .to_owned();
        let ranked = grouped
            .filter(beyond::<E>(self.columns, self.after, &direction))
            .expr_as(group_key(), "group_key")
            .into_query()
            .expr_window_as(Expr::cust("ROW_NUMBER()"), place, "place")
            .to_owned();
        let top = Query::select()
            .column(Asterisk)
            .from_subquery(ranked, "ranked")
            .and_where(Expr::col("place").lte(i64::from(request.size) + 1))
            .order_by("place", Order::Asc)
            .to_owned();
        for row in connection.query_all(&top).await? {
            let group = row.try_get("", "group_key")?;
            let page = pages.entry(group).or_insert_with(|| Rows { rows: Vec::new(), total: None });
            page.rows.push(M::from_query_result(&row, "")?);
        }
        Ok(pages)
    }

    fn direction(&self, request: &PageRequest) -> Order {
        match (&self.order, request.backwards) {
            (Order::Desc, false) | (Order::Asc, true) => Order::Desc,
            _ => Order::Asc,
        }
    }
}

/// The rows that come after `values` in the given direction.
fn beyond<E: EntityTrait>(columns: [E::Column; 2], values: Option<[Value; 2]>, direction: &Order) -> Expr {
    let Some(values) = values else {
        return Expr::cust("1 = 1");
    };
    let columns = Expr::tuple(columns.map(|column| Expr::col(column.as_column_ref())));
    let values = Expr::tuple(values.map(Expr::val));
    match direction {
        Order::Desc => columns.lt(values),
        _ => columns.gt(values),
    }
}
