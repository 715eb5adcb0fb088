//! Pages of a list that may change between two requests.
//!
//! A page token names the last item of a page, not a position, so that a change elsewhere neither
//! repeats nor skips an item.

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

    /// The items of this page, in order, and the token of the next one. `place` is an item's name
    /// and id.
    pub(super) fn of<T>(
        &self,
        items: impl Iterator<Item = T>,
        place: impl Fn(&T) -> (&str, i64),
    ) -> (Vec<T>, Option<String>) {
        let key = |(name, id): (&str, i64)| match self.by_id {
            true => (String::new(), id),
            false => (name.to_owned(), id),
        };
        let mut items: Vec<((String, i64), T)> = items.map(|i| (key(place(&i)), i)).collect();
        items.sort_by(|a, b| match self.descending {
            true => b.0.cmp(&a.0),
            false => a.0.cmp(&b.0),
        });
        if let Some(after) = &self.after {
            let after = key((&after.0, after.1));
            items.retain(|(k, _)| {
                if self.descending {
                    *k < after
                } else {
                    *k > after
                }
            });
        }
        let more = items.len() > self.size;
        items.truncate(self.size);
        let next = items.last().filter(|_| more).map(|(_, item)| {
            let (name, id) = place(item);
            encode(name, id)
        });
        (items.into_iter().map(|(_, item)| item).collect(), next)
    }
}

fn bad(parameter: &str, wanted: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "malformed-request")
        .detail(format!("{parameter} must be {wanted}"))
}

/// Hexadecimal: safe in a URL as it is.
fn encode(name: &str, id: i64) -> String {
    format!("{id}:{name}")
        .bytes()
        .map(|b| format!("{b:02x}"))
        .collect()
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
