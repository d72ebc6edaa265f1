//! Reads the page that says who may do what: callers, places, rules, operations.

use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("table.md");

/// The page.
pub(crate) struct Table {
    pub(crate) socket_callers: Vec<String>,
    pub(crate) http_callers: Vec<String>,
    pub(crate) places: Vec<String>,
    pub(crate) operations: Vec<Operation>,
}

/// Something that can be asked, and who may ask it.
#[derive(Clone)]
pub(crate) struct Operation {
    /// A command with its target, or a request.
    pub(crate) line: String,
    pub(crate) over_http: bool,
    pub(crate) changes: bool,
    /// Where it is tried; empty when the section does not say.
    pub(crate) places: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Clone)]
struct Rule {
    answer: String,
    callers: BTreeSet<String>,
    places: BTreeSet<String>,
}

/// What the lines of the page mean, as far as it is read.
#[derive(Default)]
struct Reader {
    /// Callers and places, and names for several of them.
    names: BTreeMap<String, BTreeSet<String>>,
    lists: BTreeMap<String, Vec<String>>,
    rules: BTreeMap<String, Vec<Rule>>,
    section: String,
    over_http: bool,
    changes: Option<bool>,
    tried_in: Vec<String>,
    requests: Vec<String>,
    read: Vec<Rule>,
    operations: Vec<Operation>,
}

impl Table {
    pub(crate) fn read() -> Self {
        let mut reader = Reader::default();
        let mut paragraph = String::new();
        for line in PAGE.lines().chain([""]) {
            if line.is_empty() || line.starts_with(['#', '|', '-']) {
                reader.text(&std::mem::take(&mut paragraph));
                reader.line(line);
            } else {
                paragraph.push_str(line);
                paragraph.push(' ');
            }
        }
        reader.end_section();
        let mut list = |name: &str| reader.lists.remove(name).unwrap_or_else(|| panic!("a list of {name}"));
        Self {
            socket_callers: list("Callers over the socket"),
            http_callers: list("Callers over HTTP"),
            places: list("Places"),
            operations: reader.operations,
        }
    }
}

impl Operation {
    /// What has to be answered.
    pub(crate) fn expected(&self, caller: &str, place: &str) -> &str {
        let fits = |rule: &&Rule| rule.callers.contains(caller) && rule.places.contains(place);
        let rule = self.rules.iter().find(fits);
        &rule.unwrap_or_else(|| panic!("{}: no rule for {caller} in {place}", self.line)).answer
    }
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(title) = line.strip_prefix("# ") {
            self.end_section();
            self.section.clear();
            self.over_http = title == "Over HTTP";
        } else if let Some(title) = line.strip_prefix("## ") {
            self.end_section();
            self.section = title.to_owned();
        } else if let Some(request) = line.strip_prefix("- `") {
            let request = request.strip_suffix('`').unwrap_or_else(|| panic!("{line}"));
            self.requests.extend(spread(request));
        } else if let Some(row) = line.strip_prefix("| ") {
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
            self.row(&cells);
        }
    }

    /// A section's own words: what it is, and where it is tried; or names for several callers or places.
    fn text(&mut self, text: &str) {
        if let Some(named) = text.strip_prefix("Together: ") {
            for definition in named.trim_end_matches([' ', '.']).split("; ") {
                let (name, members) = definition.split_once(" = ").unwrap_or_else(|| panic!("{definition}"));
                let members = self.named(members);
                self.names.insert(name.trim_matches('`').to_owned(), members);
            }
        }
        let first = text.split(". ").next().unwrap_or_default().trim_end_matches(['.', ' ']);
        let (what, places) = first.split_once(", in ").unwrap_or((first, ""));
        self.changes = match what {
            "Changes" => Some(true),
            "Reads" => Some(false),
            _ => return,
        };
        self.tried_in = places.split(", ").filter(|place| !place.is_empty()).map(str::to_owned).collect();
    }

    fn row(&mut self, cells: &[&str]) {
        match cells {
            ["caller" | "place" | "answer", _] => {}
            [name, _] if !name.starts_with('-') && !name.contains('`') => {
                self.names.insert((*name).to_owned(), BTreeSet::from([(*name).to_owned()]));
                self.lists.entry(self.section.clone()).or_default().push((*name).to_owned());
            }
            ["answer" | "---", ..] => {}
            [reference, "", "", ""] => {
                let name = reference.strip_prefix("rules: ").unwrap_or_else(|| panic!("{reference}"));
                let rules = self.rules.get(name).unwrap_or_else(|| panic!("rules of the name {name}"));
                self.read.extend(rules.iter().cloned());
            }
            [answer, callers, places, _] => {
                let (callers, places) = (self.named(callers), self.named(places));
                self.read.push(Rule { answer: (*answer).to_owned(), callers, places });
            }
            _ => {}
        }
    }

    /// Callers or places by their names; `everybody` and `everywhere` are all of them.
    fn named(&self, names: &str) -> BTreeSet<String> {
        let all = || self.names.values().flatten().cloned().collect();
        let of = |name: &str| match name.trim() {
            "everybody" | "everywhere" => all(),
            name => self.names.get(name).unwrap_or_else(|| panic!("who or where is {name:?}?")).clone(),
        };
        names.split(',').flat_map(of).collect()
    }

    fn end_section(&mut self) {
        let (rules, requests) = (std::mem::take(&mut self.read), std::mem::take(&mut self.requests));
        let (changes, places) = (self.changes.take(), std::mem::take(&mut self.tried_in));
        if let Some(name) = self.section.strip_prefix("rules: ") {
            self.rules.insert(name.to_owned(), rules);
            return;
        }
        let Some(changes) = changes else { return };
        let over_http = self.over_http;
        let lines = if over_http { requests } else { vec![self.section.clone()] };
        self.operations.extend(lines.into_iter().map(|line| Operation {
            line,
            over_http,
            changes,
            places: places.clone(),
            rules: rules.clone(),
        }));
    }
}

/// `/[a|b]/c` stands for `/a/c` and `/b/c`. Lists in JSON have no bar.
fn spread(request: &str) -> Vec<String> {
    let choice = request.split_once('[').and_then(|(before, rest)| {
        let (names, after) = rest.split_once(']')?;
        names.contains('|').then_some((before, names, after))
    });
    let Some((before, names, after)) = choice else { return vec![request.to_owned()] };
    names.split('|').map(|name| format!("{before}{name}{after}")).collect()
}
