//! The sources of a crate, as far as their `mod` and `use` declarations and their paths tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A path such as `crate::grid::Client`, by its words.
pub type Words = Vec<String>;

/// A name that a `use` declaration makes known.
pub struct Use {
    /// Whether others can use it from here.
    pub is_public: bool,
    /// `super` and `self` are written out, from `crate`.
    pub path: Words,
    pub name: String,
}

/// A file.
pub struct Module {
    pub file: PathBuf,
    pub uses: Vec<Use>,
    /// Everything but its `use` declarations, and but what is compiled for tests only.
    pub code: Words,
}

/// The files of a crate, by the modules that they are.
pub struct Crate {
    pub modules: BTreeMap<Words, Module>,
}

impl Crate {
    /// The crate whose sources are in this folder.
    pub fn read(folder: &Path) -> Crate {
        let mut read = Crate { modules: BTreeMap::new() };
        read.add(Vec::new(), folder.join("lib.rs"), folder);
        read
    }

    fn add(&mut self, module: Words, file: PathBuf, folder: &Path) {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut code = without_tests(tokens(&text));
        let uses = take_uses(&mut code, &module);
        let mut named = None;
        for (at, token) in code.iter().enumerate() {
            match (token.as_str(), &code[at..]) {
                ("path", [_, equals, name, ..]) if equals == "=" => named = Some(name.trim_matches('"').to_owned()),
                ("mod", [_, name, end, ..]) if end == ";" => {
                    let below = folder.join(name);
                    let beside = folder.join(named.take().unwrap_or_else(|| format!("{name}.rs")));
                    let file = if beside.exists() { beside } else { below.join("mod.rs") };
                    self.add([&module[..], std::slice::from_ref(name)].concat(), file, &below);
                }
                _ => {}
            }
        }
        self.modules.insert(module, Module { file, uses, code });
    }

    /// Which other files define what this module's `use` declarations name.
    pub fn known_to(&self, module: &Words) -> BTreeSet<&Words> {
        let Module { uses, code, .. } = &self.modules[module];
        let is_used = |of: &&Use| !of.is_public || (of.name != "*" && code.contains(&of.name));
        let paths = uses.iter().filter(is_used).filter_map(|of| self.absolute(module, &of.path));
        paths.filter_map(|path| self.definition(&path, 0)).filter(|of| *of != module).collect()
    }

    /// The path from the crate's root; `None` leads out of the crate.
    fn absolute(&self, module: &Words, path: &[String]) -> Option<Words> {
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            child => {
                let is_child = self.modules.contains_key(&[&module[..], &[child.to_owned()]].concat());
                is_child.then(|| [&module[..], path].concat())
            }
        }
    }

    /// The module that defines this item, wherever it is exported again.
    fn definition(&self, path: &[String], followed: usize) -> Option<&Words> {
        assert!(followed < 20, "{path:?} is exported again without end");
        let length = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let (module, of) = self.modules.get_key_value(&path[..length])?;
        let Some(item) = path.get(length) else { return Some(module) };
        match of.uses.iter().find(|exported| exported.name == *item) {
            Some(exported) => {
                let further = self.absolute(module, &exported.path)?;
                if further[..] == path[..=length] {
                    // A module within the file uses what the file itself defines.
                    return Some(module);
                }
                self.definition(&[&further[..], &path[length + 1..]].concat(), followed + 1)
            }
            None => Some(module),
        }
    }
}

/// All paths of a file: of its `use` declarations, and those in its code that begin with one of these words.
pub fn paths(module: &Module, is_first: impl Fn(&str) -> bool) -> Vec<Words> {
    let mut paths: Vec<Words> = module.uses.iter().map(|of| of.path.clone()).collect();
    for (at, token) in module.code.iter().enumerate() {
        if is_first(token) && (at == 0 || module.code[at - 1] != "::") {
            let pairs = module.code[at + 1..].chunks(2).take_while(|pair| pair[0] == "::");
            let further = pairs.filter_map(|pair| pair.get(1).cloned());
            paths.push(std::iter::once(token.clone()).chain(further).collect());
        }
    }
    paths.retain(|path| path.first().is_some_and(|first| is_first(first)));
    paths
}

/// Rust's tokens, as far as needed here: comments are gone, and what is no word stands character by character, but `::`.
fn tokens(text: &str) -> Words {
    let mut tokens = Words::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let hashes = rest[word..].chars().take_while(|c| *c == '#').count();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").expect("an end of the comment") + 2
        } else if matches!(&rest[..word], "r" | "br" | "cr") && rest[word + hashes..].starts_with('"') {
            let begin = word + hashes + 1;
            begin + rest[begin..].find(&format!("\"{}", "#".repeat(hashes))).expect("an end of the text") + 1 + hashes
        } else if word > 0 {
            word
        } else if first == '"' {
            quoted(rest, '"').expect("an end of the text")
        } else if first == '\'' {
            // A lifetime has no second quotation mark.
            let is_character = rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'');
            if is_character { quoted(rest, '\'').expect("an end of the character") } else { 1 }
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let token = &rest[..length];
        if !first.is_whitespace() && !token.starts_with("//") && !token.starts_with("/*") {
            tokens.push(token.to_owned());
        }
        rest = &rest[length..];
    }
    tokens
}

/// How long a quoted text is, with its quotation marks.
fn quoted(text: &str, mark: char) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == mark && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        ends
    });
    end.map(|(at, _)| at + 1)
}

/// Without the items that are compiled for tests only.
fn without_tests(tokens: Words) -> Words {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Words::new();
    let mut rest = &tokens[..];
    while let [first, further @ ..] = rest {
        if rest.len() < TEST.len() || rest.iter().zip(TEST).any(|(token, test)| token != test) {
            kept.push(first.clone());
            rest = further;
            continue;
        }
        rest = &rest[TEST.len()..];
        while rest.first().is_some_and(|token| token == "#") {
            rest = &rest[group(&rest[1..]) + 1..];
        }
        let mut at = 0;
        while let Some(token) = rest.get(at) {
            match token.as_str() {
                ";" | "," => break,
                "{" => {
                    at += group(&rest[at..]) - 1;
                    break;
                }
                "(" | "[" => at += group(&rest[at..]),
                _ => at += 1,
            }
        }
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    kept
}

/// How many tokens the bracket that begins here has, with both its ends.
fn group(tokens: &[String]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    panic!("a bracket without an end")
}

/// Takes the `use` declarations out of the code of a module.
fn take_uses(code: &mut Words, module: &[String]) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut kept = Words::new();
    let mut rest = &code[..];
    // The modules within the file around what is read, each with the braces that are open around it.
    let mut inner: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    while let [first, further @ ..] = rest {
        match (first.as_str(), further) {
            ("mod", [name, open, ..]) if open == "{" => inner.push((name.clone(), depth)),
            ("{", _) => depth += 1,
            ("}", _) => depth -= 1,
            // `use<'a>` says what a type captures.
            ("use", [next, ..]) if next != "<" => {
                let end = further.iter().position(|token| token == ";").expect("an end of the declaration");
                let is_public = kept.last().is_some_and(|before| before == "pub" || before == ")");
                let before = uses.len();
                add_uses(&mut uses, is_public, &[], &further[..end]);
                let names = inner.iter().map(|(name, _)| name.clone());
                let module: Words = module.iter().cloned().chain(names).collect();
                uses[before..].iter_mut().for_each(|of| write_out(&mut of.path, &module));
                rest = &further[end + 1..];
                continue;
            }
            _ => {}
        }
        inner.retain(|(_, outside)| first != "}" || *outside < depth);
        kept.push(first.clone());
        rest = further;
    }
    *code = kept;
    uses
}

/// Writes `super` and `self` out, from `crate`.
fn write_out(path: &mut Words, module: &[String]) {
    let supers = path.iter().take_while(|word| *word == "super").count();
    if supers > 0 || path.first().is_some_and(|first| first == "self") {
        *path = [&["crate".to_owned()], &module[..module.len() - supers], &path[supers.max(1)..]].concat();
    }
}

/// Adds what one branch of a `use` declaration names.
fn add_uses(uses: &mut Vec<Use>, is_public: bool, before: &[String], branch: &[String]) {
    if let Some(open) = branch.iter().position(|token| token == "{") {
        let before = [before, &words(&branch[..open])].concat();
        let mut inner = &branch[open + 1..branch.len() - 1];
        while !inner.is_empty() {
            let mut end = 0;
            while inner.get(end).is_some_and(|token| token != ",") {
                end += if inner[end] == "{" { group(&inner[end..]) } else { 1 };
            }
            if end > 0 {
                add_uses(uses, is_public, &before, &inner[..end]);
            }
            inner = inner.get(end + 1..).unwrap_or_default();
        }
        return;
    }
    let renamed = branch.iter().position(|token| token == "as");
    let mut path = [before, &words(&branch[..renamed.unwrap_or(branch.len())])].concat();
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = renamed.and_then(|at| branch.get(at + 1)).or(path.last()).cloned().unwrap_or_default();
    uses.push(Use { is_public, path, name });
}

fn words(tokens: &[String]) -> Words {
    tokens.iter().filter(|token| *token != "::").cloned().collect()
}
