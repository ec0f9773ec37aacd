//! Connections (Relay's Cursor Connections Specification).

use super::failure::Failure;
use crate::kernel::{
    page::{DEFAULT_SIZE, LARGEST_SIZE, PageRequest},
    rejection::Rejection,
};
use async_graphql::{Context, SimpleObject};

/// Where a page stands in its list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether there are items behind this page. Told when reading forwards; when reading backwards true if there is a `before`.
    pub has_next_page: bool,
    /// Whether there are items before this page. Told when reading backwards; when reading forwards true if there is an `after`.
    pub has_previous_page: bool,
    /// The cursor of the first item; null where the page is empty.
    pub start_cursor: Option<String>,
    /// The cursor of the last item; null where the page is empty.
    pub end_cursor: Option<String>,
}

/// The arguments of a connection.
#[derive(Debug, Default)]
pub struct Arguments {
    /// How many items from the front.
    pub first: Option<i32>,
    /// The cursor behind which to begin.
    pub after: Option<String>,
    /// How many items from the back.
    pub last: Option<i32>,
    /// The cursor before which to end.
    pub before: Option<String>,
}

impl Arguments {
    /// The page that they ask for.
    pub fn request(self, context: &Context<'_>) -> Result<PageRequest, Failure> {
        let refuse = |message: &'static str| Err(Failure::from(Rejection::BadInput(message.into())));
        let backwards = self.last.is_some() || self.before.is_some();
        if backwards && (self.first.is_some() || self.after.is_some()) {
            return refuse("Read a list either forwards (`first`, `after`) or backwards (`last`, `before`).");
        }
        let size = match self.first.or(self.last).map(u32::try_from) {
            None => DEFAULT_SIZE,
            Some(Ok(size @ 1..=LARGEST_SIZE)) => size,
            Some(_) => return refuse("`first` and `last` are between 1 and 100."),
        };
        let cursor = if backwards { self.before } else { self.after };
        let count = context.look_ahead().field("totalCount").exists();
        Ok(PageRequest { size, cursor, backwards, count })
    }
}

/// More than any request may cost, and few enough to be added up.
const FORBIDDING: usize = 1_000_000_000;

/// What a page costs whose items cost `child` each.
pub fn cost(first: Option<i32>, last: Option<i32>, child: usize) -> usize {
    let size = first.or(last).and_then(|size| usize::try_from(size).ok()).unwrap_or(DEFAULT_SIZE as usize);
    times(size.min(LARGEST_SIZE as usize), child)
}

/// What a list costs that has about `size` items.
pub fn times(size: usize, child: usize) -> usize {
    size.saturating_mul(child).saturating_add(1).min(FORBIDDING)
}

/// Declares a connection and its edge.
macro_rules! connection {
    ($Connection:ident, $Edge:ident, $Node:ident, $things:literal) => {
        #[doc = concat!("A page of a list of ", $things, ".")]
        pub struct $Connection($crate::kernel::page::Page<$Node>);

        impl<T> From<$crate::kernel::page::Page<T>> for $Connection
        where
            $Node: From<T>,
        {
            fn from(page: $crate::kernel::page::Page<T>) -> Self {
                Self(page.map($Node::from))
            }
        }

        /// An item of a list, with its place.
        #[derive(Clone, async_graphql::SimpleObject)]
        pub struct $Edge {
            /// The place of the item: give it as `after` or `before` to go on from here.
            cursor: String,
            /// The item.
            node: $Node,
        }

        impl $Connection {
            fn page_edges(&self) -> Vec<$Edge> {
                let edge = |(cursor, node): &(String, $Node)| $Edge { cursor: cursor.clone(), node: node.clone() };
                self.0.items.iter().map(edge).collect()
            }

            fn page_nodes(&self) -> Vec<$Node> {
                self.0.items.iter().map(|(_, node)| node.clone()).collect()
            }

            fn page_place(&self) -> $crate::graphql::page::PageInfo {
                $crate::graphql::page::PageInfo {
                    has_next_page: self.0.has_next,
                    has_previous_page: self.0.has_previous,
                    start_cursor: self.0.items.first().map(|(cursor, _)| cursor.clone()),
                    end_cursor: self.0.items.last().map(|(cursor, _)| cursor.clone()),
                }
            }
        }
    };
    ($Connection:ident, $Edge:ident, $Node:ident, $things:literal, counted) => {
        $crate::graphql::page::connection!($Connection, $Edge, $Node, $things);

        #[doc = concat!("A page of a list of ", $things, ".")]
        #[async_graphql::Object]
        impl $Connection {
            /// The items of this page, each with its cursor.
            async fn edges(&self) -> Vec<$Edge> {
                self.page_edges()
            }

            /// The items of this page.
            async fn nodes(&self) -> Vec<$Node> {
                self.page_nodes()
            }

            /// Where this page stands in the list.
            async fn page_info(&self) -> $crate::graphql::page::PageInfo {
                self.page_place()
            }

            /// How many items the whole list has, counted only where this is asked for.
            async fn total_count(&self) -> u64 {
                self.0.total.unwrap_or(0)
            }
        }
    };
    ($Connection:ident, $Edge:ident, $Node:ident, $things:literal, uncounted) => {
        $crate::graphql::page::connection!($Connection, $Edge, $Node, $things);

        #[doc = concat!("A page of a list of ", $things, ". There is no count of all of them.")]
        #[async_graphql::Object]
        impl $Connection {
            /// The items of this page, each with its cursor.
            async fn edges(&self) -> Vec<$Edge> {
                self.page_edges()
            }

            /// The items of this page.
            async fn nodes(&self) -> Vec<$Node> {
                self.page_nodes()
            }

            /// Where this page stands in the list.
            async fn page_info(&self) -> $crate::graphql::page::PageInfo {
                self.page_place()
            }
        }
    };
}
pub(super) use connection;
