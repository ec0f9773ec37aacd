//! What the library does not do with documents, written so that it does.

use super::operation_mut;
use async_graphql::{
    Name, Positioned,
    parser::types::{
        DocumentOperations, ExecutableDocument, FragmentDefinition, InlineFragment, Selection, SelectionSet,
    },
};
use std::collections::{HashMap, HashSet};

/// The library does not look at the directives of `__typename`, so that unknown ones pass and their variables seem unused. On a fragment
/// around the field they mean the same, and are seen.
pub fn wrap_typenames(document: &mut ExecutableDocument) {
    let operations = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations {
        wrap_in(&mut operation.node.selection_set.node);
    }
    for fragment in document.fragments.values_mut() {
        wrap_in(&mut fragment.node.selection_set.node);
    }
}

fn wrap_in(set: &mut SelectionSet) {
    for selection in &mut set.items {
        let position = selection.pos;
        match &mut selection.node {
            Selection::Field(field) if field.node.name.node == "__typename" && !field.node.directives.is_empty() => {
                let directives = std::mem::take(&mut field.node.directives);
                let field = Positioned::new(Selection::Field(field.clone()), position);
                let selection_set = Positioned::new(SelectionSet { items: vec![field] }, position);
                let fragment = InlineFragment { type_condition: None, directives, selection_set };
                selection.node = Selection::InlineFragment(Positioned::new(fragment, position));
            }
            Selection::Field(field) => wrap_in(&mut field.node.selection_set.node),
            Selection::InlineFragment(fragment) => wrap_in(&mut fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Puts the root field of a subscription, which the library finds nowhere else, straight into its operation.
pub fn unwrap_root(document: &mut ExecutableDocument, name: Option<&str>) {
    let fragments = document.fragments.clone();
    let Some(operation) = operation_mut(document, name) else { return };
    let set = &mut operation.selection_set.node;
    if let [Positioned { node: Selection::Field(_), .. }] = &set.items[..] {
        return;
    }
    let mut pending = vec![&*set];
    let mut seen = HashSet::new();
    let field = loop {
        let Some(set) = pending.pop() else { return };
        let Some(selection) = set.items.first() else { continue };
        match &selection.node {
            Selection::Field(_) => break selection.clone(),
            Selection::InlineFragment(fragment) => pending.push(&fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if let Some(fragment) = fragments.get(name).filter(|_| seen.insert(name.clone())) {
                    pending.push(&fragment.node.selection_set.node);
                }
            }
        }
    };
    set.items = vec![field];
    let used = used_fragments(&set.clone(), &fragments);
    document.fragments.retain(|name, _| used.contains(name));
}

fn used_fragments(set: &SelectionSet, fragments: &HashMap<Name, Positioned<FragmentDefinition>>) -> HashSet<Name> {
    let (mut used, mut pending) = (HashSet::new(), vec![set]);
    while let Some(set) = pending.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => pending.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => pending.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = fragments.get(name).filter(|_| used.insert(name.clone())) {
                        pending.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    used
}
