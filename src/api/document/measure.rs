//! How large a document is.

use async_graphql::{
    Name, Positioned,
    parser::types::{ExecutableDocument, FragmentDefinition, OperationDefinition, Selection, SelectionSet},
};
use std::collections::HashMap;

/// How large an operation or a part of it is, fragments expanded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    /// Fields, and fragments that stand for some.
    pub selections: usize,
    /// How deep fields nest.
    pub depth: usize,
    /// Fields that are called by another name.
    pub aliases: usize,
    /// Directives, wherever they stand.
    pub directives: usize,
}

impl Size {
    fn add(&mut self, part: Self) {
        self.selections = self.selections.saturating_add(part.selections);
        self.depth = self.depth.max(part.depth);
        self.aliases = self.aliases.saturating_add(part.aliases);
        self.directives = self.directives.saturating_add(part.directives);
    }
}

/// Measures the operations of a document, each of its fragments once.
pub struct Measure<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// What was measured, or, where it is empty yet, is being measured: a fragment that spreads itself is for the library to refuse.
    known: HashMap<&'a str, Size>,
    /// How many selections were looked at.
    pub visited: usize,
}

impl<'a> Measure<'a> {
    pub fn new(document: &'a ExecutableDocument) -> Self {
        Self { fragments: &document.fragments, known: HashMap::new(), visited: 0 }
    }

    pub fn operation(&mut self, operation: &'a OperationDefinition) -> Size {
        let mut size = self.selections(&operation.selection_set.node);
        let of_variables = operation.variable_definitions.iter().map(|variable| variable.node.directives.len());
        size.directives = size.directives.saturating_add(operation.directives.len() + of_variables.sum::<usize>());
        size
    }

    fn selections(&mut self, set: &'a SelectionSet) -> Size {
        let mut whole = Size::default();
        for selection in &set.items {
            self.visited += 1;
            let part = match &selection.node {
                Selection::Field(field) => {
                    let inner = self.selections(&field.node.selection_set.node);
                    let aliases = inner.aliases.saturating_add(usize::from(field.node.alias.is_some()));
                    Size { depth: inner.depth + 1, aliases, ..inner }
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
            };
            whole.add(part);
            whole.add(Size { selections: 1, directives: selection.node.directives().len(), ..Size::default() });
        }
        whole
    }

    fn fragment(&mut self, name: &Name) -> Size {
        if let Some(known) = self.known.get(name.as_str()) {
            return *known;
        }
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return Size::default() };
        self.known.insert(name.as_str(), Size::default());
        let mut size = self.selections(&fragment.node.selection_set.node);
        size.directives = size.directives.saturating_add(fragment.node.directives.len());
        self.known.insert(name.as_str(), size);
        size
    }
}
