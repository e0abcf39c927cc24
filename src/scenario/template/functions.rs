//! Placeholders with words behind them: `random 1..5`, `now +1d rfc3339`, `choose a*3 | b`.
//!
//! What stands between the braces comes in, a piece or what is wrong with it goes out.

use super::super::problems::{Fault, nearest};
use super::drawn::{Choice, Name};
use super::moment::{Form, Moment, offset, strftime_fault};
use super::{Counter, Piece};

/// The longest random text.
const LONGEST: u64 = 65_536;
/// The most texts of a choice, and the largest weight of one.
const MOST_OPTIONS: usize = 1_000;
const HEAVIEST: u32 = 1_000_000;

/// The first words of all that there are, with an example of each.
pub(crate) const EXAMPLES: [(&str, &str); 7] = [
    ("random", "{{random 1..100}}"),
    ("now", "{{now +1d rfc3339}}"),
    ("choose", "{{choose open*3 | sent}}"),
    ("counter", "{{counter 1000}}"),
    ("base64", "{{base64 users.email}}"),
    ("hex", "{{hex users.email}}"),
    ("sha256", "{{sha256 users.email + ':' + iteration}}"),
];

/// One whose words are all its own; `None` where there is no such function.
pub(super) fn function(word: &str, rest: &str) -> Option<Result<Piece, Fault>> {
    Some(match word {
        "random" => random(rest),
        "now" => now(rest),
        "choose" => choose(rest),
        "counter" => counter(rest),
        _ => return None,
    })
}

fn random(rest: &str) -> Result<Piece, Fault> {
    let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if word == "text" {
        return text(behind.trim());
    }
    if let Some((_, name)) = Name::ALL.into_iter().find(|(known, _)| *known == rest) {
        return Ok(Piece::Name(name));
    }
    let numbers = rest.split_once("..").and_then(|(low, high)| {
        Some((low.trim().parse::<i64>().ok()?, high.trim().parse::<i64>().ok()?))
    });
    match numbers {
        Some((low, high)) if low <= high => Ok(Piece::Random(low, high)),
        Some(_) => Err(Fault::new(format!("the range {rest} of \"random\" is empty"))
            .help("the smaller number comes first, as in {{random 1..100}}")),
        None => Err(unknown_random(rest)),
    }
}

fn unknown_random(rest: &str) -> Fault {
    let names = Name::ALL.map(|(name, _)| name);
    if !rest.is_empty() && nearest(rest, &names).is_some() {
        let fault = Fault::new(format!("\"random\" knows no \"{rest}\""));
        return fault.nearest(rest, names.into_iter());
    }
    let fault = Fault::new("\"random\" needs two whole numbers, \"text\" or a name");
    fault.help(
        "write {{random 1..100}}, both ends included, {{random text 12}}, {{random first_name}}, \
         {{random last_name}} or {{random full_name}}",
    )
}

/// `12`, or `5..10`.
fn text(rest: &str) -> Result<Piece, Fault> {
    let (low, high) = rest.split_once("..").unwrap_or((rest, rest));
    let ends = (low.trim().parse::<u64>(), high.trim().parse::<u64>());
    match ends {
        (Ok(low), Ok(high)) if low <= high && (1..=LONGEST).contains(&high) => {
            Ok(Piece::Letters(low, high))
        }
        _ => Err(Fault::new(format!("\"{rest}\" is no length of a random text"))
            .help("write {{random text 12}} or {{random text 5..10}}, at most 65536 letters")),
    }
}

/// An offset and a form, each where it is wanted.
fn now(rest: &str) -> Result<Piece, Fault> {
    if rest.is_empty() {
        return Ok(Piece::UnixMillis);
    }
    let (far, form) = match rest.chars().next() {
        Some('+' | '-') => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        _ => ("+0s", rest),
    };
    let offset = offset(far).ok_or_else(|| {
        let fault = Fault::new(format!("\"{far}\" is no distance from now"));
        fault.help("write a sign, a whole number and one of ms, s, m, h, d, w: {{now -90m}}")
    })?;
    Ok(Piece::Moment(Box::new(Moment { offset, form: form_of(form.trim())? })))
}

fn form_of(text: &str) -> Result<Form, Fault> {
    if text.is_empty() {
        return Ok(Form::Millis);
    }
    if let Some(inside) = quoted(text) {
        return match strftime_fault(inside) {
            None => Ok(Form::Strftime(inside.into())),
            Some(wrong) => Err(Fault::new(format!("'{inside}' is no form of a time: {wrong}"))
                .help("write it for strftime, like {{now '%Y-%m-%d %H:%M:%S'}}")),
        };
    }
    let names = Form::NAMED.map(|(name, _)| name);
    let known = Form::NAMED.into_iter().find(|(name, _)| *name == text);
    known.map(|(_, form)| form).ok_or_else(|| {
        let fault = Fault::new(format!("\"{text}\" is no form of a time"));
        if nearest(text, &names).is_some() {
            return fault.nearest(text, names.into_iter());
        }
        fault.help("there are: ms, unix, rfc3339, date, and '%Y-%m-%d' as strftime has it")
    })
}

/// Texts with `|` between them, and `*` with a weight behind one.
fn choose(rest: &str) -> Result<Piece, Fault> {
    let parts = split_outside_quotes(rest, "|");
    let help = "write {{choose open*3 | sent | 'on hold'}}: * has a weight behind it";
    if parts.len() < 2 {
        return Err(Fault::new("\"choose\" needs two texts at least").help(help));
    }
    if parts.len() > MOST_OPTIONS {
        return Err(Fault::new(format!("\"choose\" has at most {MOST_OPTIONS} texts")));
    }
    let options = parts.into_iter().map(|part| {
        option(part.trim()).ok_or_else(|| {
            Fault::new(format!("\"{}\" is nothing to choose", part.trim())).help(help)
        })
    });
    Ok(Piece::Choice(Box::new(Choice::new(options.collect::<Result<Vec<_>, _>>()?))))
}

fn option(part: &str) -> Option<(u32, String)> {
    let (text, weight) = match (quoted(part), part.rsplit_once('*')) {
        (None, Some((text, weight))) => (text.trim(), weight.trim().parse().ok()?),
        _ => (part, 1),
    };
    let text = match quoted(text) {
        Some(inside) => inside,
        None if text.is_empty() || text.contains('\'') => return None,
        None => text,
    };
    (1..=HEAVIEST).contains(&weight).then(|| (weight, text.to_owned()))
}

/// Where it begins, with as many digits as it has, and by how much it grows.
fn counter(rest: &str) -> Result<Piece, Fault> {
    let mut words = rest.split_whitespace();
    let (from, by) = (words.next(), words.next());
    let step = match (by, words.next(), words.next()) {
        (None, None, None) => Some(1),
        (Some("by"), Some(step), None) => step.parse::<u32>().ok().filter(|step| *step > 0),
        _ => None,
    };
    let digits = |from: &&str| from.len() <= 19 && from.bytes().all(|byte| byte.is_ascii_digit());
    let from = from.filter(digits).and_then(|from| Some((from.parse().ok()?, from)));
    let (Some((start, from)), Some(step)) = (from, step) else {
        let fault = Fault::new("\"counter\" needs the number that it begins with");
        return Err(fault.help("write {{counter 1}}, {{counter 00001}} or {{counter 1000 by 5}}"));
    };
    let width = if from.starts_with('0') && from.len() > 1 { from.len() } else { 0 };
    Ok(Piece::Counter(Counter { start, step: u64::from(step), width }))
}

/// The inside of a text in quotes that has none itself.
pub(super) fn quoted(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inside.contains('\'')).then_some(inside)
}

/// The parts between a separator where that stands in no quotes.
pub(super) fn split_outside_quotes<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    let (mut parts, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        is_quoted ^= c == '\'';
        if !is_quoted && at >= start && text[at..].starts_with(separator) {
            parts.push(&text[start..at]);
            start = at + separator.len();
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn wrong(word: &str, rest: &str, told: &str) {
        let fault = function(word, rest).expect("it is a function").expect_err(rest);
        let text = format!("{} {}", fault.message, fault.help.unwrap_or_default());
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn what_a_function_cannot_read_is_told() {
        wrong("random", "5..1", "is empty");
        wrong("random", "", "two whole numbers");
        wrong("random", "frist_name", "first_name");
        wrong("random", "text", "no length");
        wrong("random", "text 0", "no length");
        wrong("random", "text 9..3", "no length");
        wrong("random", "text 99999999", "no length");
        wrong("now", "+1y", "no distance from now");
        wrong("now", "+1d rfc3393", "rfc3339");
        wrong("now", "1d", "no form of a time");
        wrong("now", "'YYYY'", "no part of a time");
        wrong("now", "+1d '%Q", "no form of a time");
        wrong("choose", "", "two texts");
        wrong("choose", "a", "two texts");
        wrong("choose", "'a | b'", "two texts");
        wrong("choose", "a | ", "nothing to choose");
        wrong("choose", "a*0 | b", "nothing to choose");
        wrong("choose", "a*1000001 | b", "nothing to choose");
        wrong("choose", &vec!["a"; 1_001].join("|"), "at most 1000");
        wrong("choose", "a*x | b", "nothing to choose");
        wrong("counter", "", "begins with");
        wrong("counter", "-1", "begins with");
        wrong("counter", "1 by 0", "begins with");
        wrong("counter", "1 5", "begins with");
    }

    #[test]
    fn quotes_keep_what_would_have_a_meaning() {
        assert_eq!(split_outside_quotes("a | 'b|c' |d", "|"), ["a ", " 'b|c' ", "d"]);
        assert_eq!(option("'a*b'"), Some((1, "a*b".to_owned())));
        assert_eq!(option("'a|b'*7"), Some((7, "a|b".to_owned())));
        assert_eq!(option("''"), Some((1, String::new())));
        assert_eq!(option("a'b"), None);
    }
}
