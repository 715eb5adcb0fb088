//! Pages of a list that may change between two requests.
//!
//! A page token names the last item of a page, not a position, so that a change elsewhere neither
//! repeats nor skips an item.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use catalog_core::model::Entity;
use catalog_core::service::{Order, SourceSnapshot};
use poem::http::StatusCode;

use crate::http_kit::ApiError;

/// Items on a page when nobody says; the public catalogs' clients rely on it.
pub(super) const DEFAULT_PAGE_SIZE: usize = 10;
/// The most items on one page: an answer of bounded size.
pub(super) const MAX_PAGE_SIZE: usize = 10_000;

/// What a request says about its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) size: usize,
    after: Option<(String, i64)>,
    pub(super) descending: bool,
    pub(super) by_id: bool,
}

/// What a list request may say, as it came.
#[derive(Debug, Default)]
pub(super) struct PageQuery<'a> {
    pub(super) size: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) order_by: Option<&'a str>,
    pub(super) sort_order: Option<&'a str>,
}

impl Page {
    /// Reads what a request says.
    ///
    /// # Errors
    /// 400 that names the parameter.
    pub(super) fn parse(query: &PageQuery<'_>, default_size: usize) -> Result<Self, ApiError> {
        let size = match query.size.filter(|s| !s.is_empty()) {
            None => default_size,
            Some(text) => match text.parse::<i32>() {
                Ok(n) if n > 0 => usize::try_from(n)
                    .unwrap_or(default_size)
                    .min(MAX_PAGE_SIZE),
                _ => return Err(bad("pageSize", "a whole number from 1 to 2147483647")),
            },
        };
        let by_id = match query.order_by.map(str::to_ascii_uppercase).as_deref() {
            None | Some("" | "NAME") => false,
            Some("ID" | "CREATE_TIME" | "LAST_UPDATE_TIME") => true,
            Some(_) => {
                return Err(bad(
                    "orderBy",
                    "one of ID, NAME, CREATE_TIME, LAST_UPDATE_TIME",
                ));
            }
        };
        let descending = match query.sort_order.map(str::to_ascii_uppercase).as_deref() {
            None | Some("" | "ASC") => false,
            Some("DESC") => true,
            Some(_) => return Err(bad("sortOrder", "ASC or DESC")),
        };
        let after = match query.token.filter(|t| !t.is_empty()) {
            Some(token) => Some(
                decode(token).ok_or_else(|| bad("the page token", "one from an earlier answer"))?,
            ),
            None => None,
        };
        Ok(Self {
            size,
            after,
            descending,
            by_id,
        })
    }

    /// The order of this page.
    pub(super) fn order(&self) -> Order {
        match self.by_id {
            true => Order::Id,
            false => Order::Name,
        }
    }

    /// The items of this page, in order, and the token of the next one. `place` is an item's name
    /// and id.
    pub(super) fn of<T>(
        &self,
        items: impl Iterator<Item = T>,
        place: impl Fn(&T) -> (&str, i64),
    ) -> (Vec<T>, Option<String>) {
        let mut items: Vec<T> = items.collect();
        items.sort_by(|a, b| self.compare(place(a), place(b)));
        items.retain(|item| self.is_after(place(item)));
        self.cut(items.into_iter(), place)
    }

    /// The entities of this page, in order, and the token of the next one.
    ///
    /// Each source keeps its entities sorted; what is left to do is to merge them for the length of
    /// a page.
    pub(super) fn merged<'a>(
        &self,
        sources: impl Iterator<Item = &'a SourceSnapshot>,
    ) -> (Vec<&'a Entity>, Option<String>) {
        let mut heads: BinaryHeap<Run<'a, '_>> = sources
            .filter_map(|snapshot| Run::of(self, snapshot))
            .collect();
        let entities = std::iter::from_fn(|| {
            let mut head = heads.peek_mut()?;
            let entity = head.first;
            if !head.advance() {
                PeekMut::pop(head);
            }
            Some(entity)
        });
        self.cut(entities, |entity| (&entity.name, entity.id))
    }

    /// A page of items that are in order, and the token of the next one.
    fn cut<T>(
        &self,
        mut items: impl Iterator<Item = T>,
        place: impl Fn(&T) -> (&str, i64),
    ) -> (Vec<T>, Option<String>) {
        let page: Vec<T> = items.by_ref().take(self.size).collect();
        let more = items.next().is_some();
        let last = page.last().filter(|_| more).map(place);
        let next = last.map(|(name, id)| encode(name, id));
        (page, next)
    }

    fn compare(&self, (a, id_a): (&str, i64), (b, id_b): (&str, i64)) -> Ordering {
        let order = self.order();
        let ascending = order.place(a, id_a).cmp(&order.place(b, id_b));
        match self.descending {
            true => ascending.reverse(),
            false => ascending,
        }
    }

    /// Whether an item stands after all those of the page before.
    fn is_after(&self, place: (&str, i64)) -> bool {
        let after = self.after.as_ref();
        after.is_none_or(|(name, id)| self.compare(place, (name, *id)).is_gt())
    }
}

/// What is left of a source's entities, in the order of a page.
struct Run<'a, 'p> {
    page: &'p Page,
    entities: &'a [Entity],
    rest: &'a [u32],
    first: &'a Entity,
}

impl<'a, 'p> Run<'a, 'p> {
    fn of(page: &'p Page, snapshot: &'a SourceSnapshot) -> Option<Self> {
        let (entities, sorted) = (snapshot.entities(), snapshot.sorted(page.order()));
        let is_after = |index: &u32| {
            let entity = &entities[*index as usize];
            page.is_after((&entity.name, entity.id))
        };
        let rest = match page.descending {
            true => &sorted[..sorted.partition_point(is_after)],
            false => &sorted[sorted.partition_point(|index| !is_after(index))..],
        };
        let first = entities.first()?;
        let mut run = Self {
            page,
            entities,
            rest,
            first,
        };
        run.advance().then_some(run)
    }

    /// On to the next entity, if there is one.
    fn advance(&mut self) -> bool {
        let split = match self.page.descending {
            true => self.rest.split_last(),
            false => self.rest.split_first(),
        };
        if let Some((index, rest)) = split {
            (self.first, self.rest) = (&self.entities[*index as usize], rest);
        }
        split.is_some()
    }
}

/// What comes first on the page is greatest.
impl Ord for Run<'_, '_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.page.compare(
            (&other.first.name, other.first.id),
            (&self.first.name, self.first.id),
        )
    }
}

impl PartialOrd for Run<'_, '_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Run<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Run<'_, '_> {}

fn bad(parameter: &str, wanted: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "malformed-request")
        .detail(format!("{parameter} must be {wanted}"))
}

/// Hexadecimal: safe in a URL, and in JSON, as it is.
fn encode(name: &str, id: i64) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let id = id.to_string();
    let mut token = String::with_capacity(2 * (id.len() + 1 + name.len()));
    for byte in id.bytes().chain([b':']).chain(name.bytes()) {
        for digit in [byte >> 4, byte & 0xf] {
            token.push(char::from(HEX[usize::from(digit)]));
        }
    }
    token
}

fn decode(token: &str) -> Option<(String, i64)> {
    if !token.is_ascii() || !token.len().is_multiple_of(2) {
        return None;
    }
    let byte = |i| u8::from_str_radix(token.get(i..i + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..token.len()).step_by(2).map(byte).collect();
    let text = String::from_utf8(bytes?).ok()?;
    let (id, name) = text.split_once(':')?;
    Some((name.to_owned(), id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(size: &str, token: Option<&str>, order_by: &str, sort_order: &str) -> Page {
        let query = PageQuery {
            size: Some(size),
            token,
            order_by: Some(order_by),
            sort_order: Some(sort_order),
        };
        Page::parse(&query, DEFAULT_PAGE_SIZE).unwrap()
    }

    #[test]
    fn pages_hold_every_item_once_in_either_order() {
        let items: Vec<(String, i64)> = (0..25).map(|i| (format!("a:{}", i % 7), i)).collect();
        for (order_by, sort_order) in [
            ("NAME", "ASC"),
            ("name", "DESC"),
            ("ID", "ASC"),
            ("ID", "desc"),
        ] {
            let (mut seen, mut token) = (Vec::new(), None);
            loop {
                let page = page("4", token.as_deref(), order_by, sort_order);
                let (some, next) = page.of(items.iter(), |i| (&i.0, i.1));
                seen.extend(some.into_iter().cloned());
                token = next;
                if token.is_none() {
                    break;
                }
            }
            let mut expected = items.clone();
            if order_by == "ID" {
                expected.sort_by_key(|i| i.1)
            } else {
                expected.sort()
            }
            if sort_order.eq_ignore_ascii_case("desc") {
                expected.reverse()
            }
            assert_eq!(seen, expected, "{order_by} {sort_order}");
        }
    }

    #[test]
    fn an_item_that_goes_away_between_pages_costs_no_other() {
        let items = ["a", "b", "c", "d"];
        let (_, token) = page("2", None, "NAME", "ASC").of(items.iter(), |i| (i, 0));
        let rest = ["a", "c", "d"];
        let (second, _) = page("2", token.as_deref(), "NAME", "ASC").of(rest.iter(), |i| (i, 0));
        assert_eq!(second, [&"c", &"d"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for query in [
            PageQuery {
                size: Some("0"),
                ..PageQuery::default()
            },
            PageQuery {
                size: Some("x"),
                ..PageQuery::default()
            },
            PageQuery {
                size: Some("99999999999"),
                ..PageQuery::default()
            },
            PageQuery {
                token: Some("zz"),
                ..PageQuery::default()
            },
            PageQuery {
                token: Some("abc"),
                ..PageQuery::default()
            },
            PageQuery {
                token: Some("ü1"),
                ..PageQuery::default()
            },
            PageQuery {
                order_by: Some("colour"),
                ..PageQuery::default()
            },
            PageQuery {
                sort_order: Some("UP"),
                ..PageQuery::default()
            },
        ] {
            assert_eq!(
                Page::parse(&query, 10).unwrap_err().problem().status,
                400,
                "{query:?}"
            );
        }
    }
}
