//! A connection and another side that says whatever a test wants, without sockets: each exchange
//! has one outcome.

use super::*;
use crate::engine::protocol::http2::message::Messages;
use crate::http1::coding::Codings;
use crate::http1::response::Expected;
use crate::scenario::model::StepId;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200`.
const OK: &[u8] = &[0x88];
/// `date: b`, without an index.
const FIELD: &[u8] = b"\x0f\x12\x01b";
const MALFORMED: Event = Event::Reset(Fault::Unreadable(Unreadable::Malformed));
const END: Event = Event::End { is_clean: true };

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn head(block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, block)
}

fn last_head(block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, block)
}

fn data(bytes: &[u8]) -> Vec<u8> {
    frame(DATA, 0, 1, bytes)
}

fn last_data(bytes: &[u8]) -> Vec<u8> {
    frame(DATA, END_STREAM, 1, bytes)
}

fn length(text: &str) -> Vec<u8> {
    [&[0x0f, 0x0d, text.len() as u8], text.as_bytes()].concat()
}

fn go_away(last: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat())
}

fn reset(code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, 1, &code.to_be_bytes())
}

/// A connection whose other side has greeted.
struct Side {
    http2: Http2,
    steps: [Step; 1],
}

impl Side {
    fn new(settings: &[u8]) -> Side {
        let mut side = Side { http2: Http2::new(10), steps: [Step::bare()] };
        assert_eq!(side.says(&frame(SETTINGS, 0, 0, settings)), []);
        side
    }

    /// Begins an exchange of an iteration.
    fn asks(&mut self, iteration: usize, text: &str) -> Result<(), NotTaken> {
        let expected = Expected { is_head: text.starts_with("HEAD"), body_limit: 1_000 };
        let (step, is_shown) = (StepId(0), false);
        let call =
            Call { iteration, step, expected, keeps_body: true, keeps_head: false, is_shown };
        let messages = Messages::new(&[], false, Some("x-request-id"));
        let message = messages.of_bytes(text.as_bytes()).unwrap();
        self.http2.begin(call, message)
    }

    /// All that comes of bytes. What has an end is taken out, as a worker does.
    fn says(&mut self, mut bytes: &[u8]) -> Vec<(usize, Event)> {
        let mut events = Vec::new();
        while let Some((iteration, event)) = self.http2.receive(&mut bytes, &self.steps) {
            if matches!(event, Event::End { .. } | Event::Reset(_)) {
                self.http2.take(iteration);
                events.push((iteration, event));
            }
        }
        assert!(bytes.is_empty());
        events
    }

    /// The frames that wait to be sent: kind and stream of each.
    fn sent(&mut self) -> Vec<(u8, u32)> {
        let output = self.http2.take_output();
        let mut rest = output.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(&output);
        let mut frames = Vec::new();
        while let [a, b, c, kind, _, d, e, f, g, more @ ..] = rest {
            frames.push((*kind, u32::from_be_bytes([*d, *e, *f, *g])));
            rest = &more[u32::from_be_bytes([0, *a, *b, *c]) as usize..];
        }
        frames
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// How an exchange ends by some bytes, however they are cut up, and that it does so once.
#[track_caller]
fn ended(text: &str, bytes: &[u8]) -> Option<Event> {
    let mut found = Vec::new();
    for piece in [1, 2, 3, 7, 9, 10, 64, bytes.len().max(1)] {
        let mut side = Side::new(&[]);
        side.asks(7, text).unwrap();
        let mut events = Vec::new();
        bytes.chunks(piece).for_each(|piece| events.extend(side.says(piece)));
        assert!(events.len() <= 1, "{events:?} in pieces of {piece}");
        found.push(events.first().map(|(iteration, event)| {
            assert_eq!(*iteration, 7);
            *event
        }));
    }
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    found[0]
}

#[track_caller]
fn check(what: &str, parts: &[Vec<u8>], wanted: Option<Event>) {
    assert_eq!(ended(GET, &parts.concat()), wanted, "{what}");
}

#[test]
fn an_answer_without_a_status_is_none() {
    check("none", &[last_head(b"")], Some(MALFORMED));
    check("fields", &[last_head(FIELD)], Some(MALFORMED));
    check("a body", &[head(FIELD), last_data(b"ok")], Some(MALFORMED));
    check("no end", &[head(FIELD)], Some(MALFORMED));
    let pieces = [frame(HEADERS, 0, 1, FIELD), frame(CONTINUATION, END_HEADERS, 1, FIELD)];
    check("pieces", &pieces, Some(MALFORMED));
    let interim = b"\x08\x03103";
    check("behind an interim one", &[head(interim), last_head(FIELD)], Some(MALFORMED));
    let indexed = [head(b"\x48\x03103"), head(b"\xbe"), last_head(FIELD)];
    check("behind an indexed interim one", &indexed, Some(MALFORMED));
    check("another pseudo header", &[last_head(b"\x84")], Some(MALFORMED));
    // A method of the table's is none either, and none that others added.
    check("of the table", &[frame(SETTINGS, 0, 0, &[]), last_head(b"\x8f")], Some(MALFORMED));
}

#[test]
fn an_answer_with_a_status_is_one() {
    for block in [OK, b"\x08\x03201", b"\x48\x03201", b"\x08\x82\x10\x01"] {
        check("head", &[last_head(block)], Some(END));
        check("trailers", &[head(block), data(b"ok"), last_head(FIELD)], Some(END));
        check("interim", &[head(b"\x08\x03103"), head(block), last_data(b"")], Some(END));
    }
    // From the table that another answer has filled; that one was given up.
    let mut side = Side::new(&[]);
    side.asks(1, GET).unwrap();
    side.asks(2, GET).unwrap();
    side.http2.take(1);
    assert_eq!(side.says(&head(b"\x48\x03201")), []);
    let bytes = frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\xbe");
    assert_eq!(side.says(&bytes), [(2, END)]);
}

#[test]
fn a_status_where_none_belongs_is_amiss() {
    check("trailers", &[head(OK), last_head(OK)], Some(MALFORMED));
    check("a second", &[last_head(&[OK, OK].concat())], Some(MALFORMED));
    check("behind a field", &[last_head(&[FIELD, OK].concat())], Some(MALFORMED));
    check("an interim one late", &[head(OK), head(b"\x08\x03103")], Some(MALFORMED));
    check("trailers without an end", &[head(OK), head(FIELD), last_data(b"")], Some(MALFORMED));
}

#[test]
fn interim_answers_are_passed_over_and_are_no_end() {
    check("an end", &[last_head(b"\x08\x03103")], Some(MALFORMED));
    check("nothing more", &[head(b"\x08\x03100")], None);
    check("body", &[head(b"\x08\x03100"), last_data(b"ok")], Some(MALFORMED));
    let many = head(b"\x08\x03103").repeat(50);
    check("many", &[many, last_head(OK)], Some(END));
    let flood = head(b"\x08\x03103").repeat(crate::http2::frames::MOST_IDLE as usize + 1);
    let mut side = Side::new(&[]);
    side.asks(7, GET).unwrap();
    assert_eq!(side.says(&flood), [(7, MALFORMED)]);
}

#[test]
fn a_length_that_lies_is_told() {
    let bad = Some(Event::Reset(Fault::Unreadable(Unreadable::BadLength)));
    let of = |text| [OK, &length(text)].concat();
    check("right", &[head(&of("2")), last_data(b"ok")], Some(END));
    check("too long", &[head(&of("1")), last_data(b"ok")], bad);
    check("too short", &[head(&of("3")), last_data(b"ok")], bad);
    check("none of it", &[head(&of("3")), last_data(b"")], bad);
    check("trailers", &[head(&of("3")), data(b"ok"), last_head(FIELD)], bad);
    check("no body at all", &[last_head(&of("3"))], Some(MALFORMED));
    check("no number", &[last_head(&of("x"))], Some(MALFORMED));
    check("nothing", &[last_head(&of("0"))], Some(END));
}

#[test]
fn an_answer_to_head_has_no_body() {
    const HEAD: &str = "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n";
    let of_3 = [OK, &length("3")].concat();
    assert_eq!(ended(HEAD, &last_head(&of_3)), Some(END));
    assert_eq!(ended(HEAD, &[head(&of_3), last_data(b"")].concat()), Some(END));
    let with_body = ended(HEAD, &[head(&of_3), last_data(b"abc")].concat());
    assert!(matches!(with_body, Some(Event::Reset(_))), "{with_body:?}");
}

#[test]
fn a_reset_has_the_last_word_only_where_the_answer_is_not_whole() {
    let reset_by_it = Some(Event::Reset(Fault::StreamReset));
    check("first", &[reset(2)], reset_by_it);
    check("refused", &[reset(7)], Some(Event::Reset(Fault::Refused)));
    check("behind the head", &[head(OK), reset(8)], reset_by_it);
    // A request whose answer has begun was begun, and is not sent once more.
    check("refused behind the head", &[head(OK), reset(7)], reset_by_it);
    check("refused in the body", &[head(OK), data(b"o"), reset(7)], reset_by_it);
    check("gone away behind the head", &[head(OK), go_away(0)], reset_by_it);
    check("in the body", &[head(OK), data(b"o"), reset(8)], reset_by_it);
    check("no error", &[head(OK), data(b"o"), reset(0)], reset_by_it);
    check("behind the end", &[head(OK), last_data(b"o"), reset(8)], Some(END));
    check("behind trailers", &[head(OK), last_head(FIELD), reset(2)], Some(END));
    check("behind an interim one", &[head(b"\x08\x03103"), reset(2)], reset_by_it);
    let in_a_block = [frame(HEADERS, 0, 1, OK), reset(2)];
    check("in a block", &in_a_block, Some(MALFORMED));
}

#[test]
fn data_behind_the_end_costs_the_connection_and_no_answer() {
    let mut side = Side::new(&[]);
    side.asks(1, GET).unwrap();
    side.asks(2, GET).unwrap();
    let bytes = [last_head(OK), last_data(b"more")].concat();
    let events = side.says(&bytes);
    assert_eq!(events[0], (1, END));
    // The other one goes on, or ends with the connection; not both.
    let rest = frame(HEADERS, END_HEADERS | END_STREAM, 3, OK);
    let more = side.says(&rest);
    let ends: Vec<_> = events[1..].iter().chain(&more).collect();
    assert!(matches!(ends[..], [(2, _)]), "{ends:?}");
}

#[test]
fn an_end_of_the_connection_by_word_is_for_those_that_it_does_not_serve() {
    let refused = Event::Reset(Fault::Refused);
    let three = || {
        let mut side = Side::new(&[]);
        (0..3).for_each(|iteration| side.asks(iteration, GET).unwrap());
        side
    };
    let answer = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, OK);
    let mut side = three();
    assert_eq!(side.says(&go_away(0)), [(0, refused), (1, refused), (2, refused)]);
    assert_eq!(side.http2.room(), 0);
    let mut side = three();
    assert_eq!(side.says(&go_away(3)), [(2, refused)]);
    assert!(side.http2.is_going_away() && side.asks(9, GET).is_err() | (side.http2.room() == 0));
    assert_eq!(side.says(&[answer(3), answer(1)].concat()), [(1, END), (0, END)]);
    // Twice, with a smaller number; an answer in between counts.
    let mut side = three();
    assert_eq!(side.says(&go_away(0x7fff_ffff)), []);
    assert_eq!(side.says(&[answer(5), go_away(1)].concat()), [(2, END), (1, refused)]);
    assert_eq!(side.says(&answer(1)), [(0, END)]);
    // A larger number than before breaks the protocol; nothing is left open.
    let mut side = three();
    let events = side.says(&[go_away(1), go_away(5)].concat());
    assert_eq!(events.len(), 3, "{events:?}");
}

#[test]
fn what_a_side_allows_is_what_it_gets() {
    let allows = |count: u8| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, count]);
    let mut side = Side::new(&[0, 3, 0, 0, 0, 2]);
    assert_eq!((side.http2.room(), side.http2.is_held_back()), (2, true));
    side.asks(1, GET).unwrap();
    assert_eq!(side.http2.room(), 1);
    side.says(&allows(0));
    assert_eq!(side.http2.room(), 0);
    // What is under way goes on.
    assert_eq!(side.says(&last_head(OK)), [(1, END)]);
    side.says(&allows(200));
    assert_eq!((side.http2.room(), side.http2.is_held_back()), (10, false));
    // Before it has said so: one.
    assert_eq!(Http2::new(10).room(), 1);
}

#[test]
fn the_numbers_of_requests_do_not_drive_their_other_fields_out_of_the_table() {
    let mut side = Side::new(&[]);
    let mut lengths = Vec::new();
    for number in 0..300 {
        // Digits of one length in Huffman's code.
        let id = format!("{number:012b}").replace('0', "2");
        let fields = format!("user-agent: loadgate\r\nx-request-id: 00c0ffee-0000-8000-8000-{id}");
        side.asks(number, &format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n")).unwrap();
        let output = side.http2.take_output();
        lengths.push(output.len());
        side.http2.give_back_output(output);
        side.says(&frame(HEADERS, END_HEADERS | END_STREAM, 2 * number as u32 + 1, OK));
    }
    assert!(lengths[1..].iter().all(|length| *length == lengths[1]), "{lengths:?}");
    assert!(lengths[1] < lengths[0], "what stays the same is in the table");
}

#[test]
fn a_request_goes_out_as_windows_open() {
    let text = format!("POST / HTTP/1.1\r\nhost: a\r\n\r\n{}", "x".repeat(100_000));
    let mut side = Side::new(&[0, 4, 0, 0, 0, 0]);
    side.sent();
    side.asks(1, &text).unwrap();
    let is_data = |frames: Vec<(u8, u32)>| frames.iter().any(|(kind, _)| *kind == DATA);
    assert!(!is_data(side.sent()));
    side.says(&frame(WINDOW_UPDATE, 0, 1, &100_000_u32.to_be_bytes()));
    assert!(is_data(side.sent()));
    // Beyond what a window may be, the stream ends, whose body is not all sent.
    let events = side.says(&frame(WINDOW_UPDATE, 0, 1, &0x7fff_ffff_u32.to_be_bytes()));
    assert!(matches!(events[..], [(1, Event::Reset(_))]), "{events:?}");
    // And the connection.
    let mut side = Side::new(&[]);
    side.asks(1, GET).unwrap();
    let events = side.says(&frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()));
    assert!(matches!(events[..], [(1, Event::Reset(_))]), "{events:?}");
    assert!(!side.http2.keeps_alive());
    check("a window of nothing", &[frame(WINDOW_UPDATE, 0, 1, &[0; 4])], Some(MALFORMED));
}

#[test]
fn a_body_beyond_the_ceiling_ends_and_others_go_on() {
    let large = Some(Event::Reset(Fault::Unreadable(Unreadable::TooLarge)));
    check("in one", &[head(OK), last_data(&[b'x'; 1_001])], large);
    check("in pieces", &[head(OK), data(&[b'x'; 600]).repeat(3)], large);
    check("just so", &[head(OK), last_data(&[b'x'; 1_000])], Some(END));
}

#[test]
fn giving_up_resets_the_stream_and_nobody_elses() {
    let mut side = Side::new(&[]);
    side.asks(1, GET).unwrap();
    side.asks(2, GET).unwrap();
    side.sent();
    side.http2.take(1);
    assert_eq!(side.sent(), [(RST_STREAM, 1)]);
    assert!(!side.http2.serves(1) && side.http2.serves(2));
    // Its answer may still come.
    let late = [last_head(OK), frame(HEADERS, END_HEADERS | END_STREAM, 3, OK)].concat();
    assert_eq!(side.says(&late), [(2, END)]);
    assert_eq!((side.http2.under_way(), side.http2.keeps_alive()), (None, true));
    // One that is whole is not reset.
    assert_eq!(side.sent(), []);
}

#[test]
fn what_is_asked_of_an_idle_connection_is_answered() {
    let mut side = Side::new(&[]);
    side.sent();
    assert_eq!(side.says(&frame(PING, 0, 0, &[1; 8])), []);
    assert_eq!(side.sent(), [(PING, 0)]);
    assert_eq!(side.says(&frame(SETTINGS, 0, 0, &[])), []);
    assert_eq!(side.sent(), [(SETTINGS, 0)]);
    assert!(side.http2.keeps_alive());
}

#[test]
fn whatever_comes_at_any_place_there_is_one_end() {
    let answer = [head(OK), data(b"o"), last_head(FIELD)].concat();
    let others = [
        reset(2),
        reset(7),
        go_away(0),
        go_away(1),
        frame(0x77, 0xff, 1, b"odd"),
        frame(PING, 0, 0, &[0; 3]),
        frame(DATA, 8, 1, &[9, 0]),
        frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0xff, 0x0f]),
        frame(SETTINGS, 0, 1, &[]),
        frame(CONTINUATION, END_HEADERS, 1, OK),
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        vec![0; 30],
        vec![0xff; 30],
    ];
    for other in &others {
        for at in 0..=answer.len() {
            let bytes = [&answer[..at], other, &answer[at..]].concat();
            let mut side = Side::new(&[]);
            side.asks(7, GET).unwrap();
            let events = side.says(&bytes);
            assert!(events.len() <= 1, "{events:?} at {at}");
            // Whole is what was whole before.
            let is_whole = events.first().is_some_and(|(_, event)| *event == END);
            let is_harmless = other[3] == 0x77 || (other[3] == GOAWAY && other[12] == 1);
            assert!(
                !is_whole || at == answer.len() || is_harmless || at % 10 != 0,
                "{other:?} {at}"
            );
            // What is still open is told of the end of the connection.
            assert_eq!(side.http2.under_way().is_some(), events.is_empty());
        }
    }
}

#[test]
fn what_comes_instead_of_it_is_kept_to_be_shown() {
    let mut http2 = Http2::new(10);
    let text = Messages::new(&[], false, None).of_bytes(GET.as_bytes()).unwrap();
    let expected = Expected { is_head: false, body_limit: 10 };
    let call = Call {
        iteration: 1,
        step: StepId(0),
        expected,
        keeps_body: false,
        keeps_head: false,
        is_shown: false,
    };
    http2.begin(call, text).unwrap();
    let mut bytes = &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..];
    assert_eq!(http2.receive(&mut bytes, &[Step::bare()]), Some((1, MALFORMED)));
    assert!(http2.take(1).heard.starts_with(b"HTTP/1.1 400"));
    assert_eq!((http2.room(), http2.keeps_alive()), (0, false));
}

#[test]
fn whether_others_follow_in_the_same_bytes_is_told() {
    let answer = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, OK);
    let mut side = Side::new(&[]);
    side.asks(1, GET).unwrap();
    side.asks(2, GET).unwrap();
    let both = [answer(1), answer(3)].concat();
    let mut bytes = &both[..];
    assert_eq!(side.http2.receive(&mut bytes, &side.steps), Some((1, END)));
    assert!(side.http2.is_followed());
    side.http2.take(1);
    assert_eq!(side.http2.receive(&mut bytes, &side.steps), Some((2, END)));
    assert!(!side.http2.is_followed());
}

#[test]
fn what_an_answer_was_is_given_out() {
    let mut side = Side::new(&[]);
    side.asks(1, GET).unwrap();
    let gzip = b"\x0f\x0b\x04gzip";
    let bytes = [head(&[b"\x8d", &gzip[..]].concat()), data(b"no"), last_data(b"pe")].concat();
    let mut bytes = &bytes[..];
    while side.http2.receive(&mut bytes, &side.steps).is_some_and(|(_, event)| event != END) {}
    let reply = side.http2.take(1);
    assert_eq!((reply.status, reply.body_bytes, &reply.body[..]), (Some(404), 4, &b"nope"[..]));
    assert_ne!(reply.codings, Codings::default());
    let heard = String::from_utf8_lossy(&reply.heard).into_owned();
    assert!(heard.starts_with("HTTP/2 404\r\ncontent-encoding: gzip\r\n\r\nno"), "{heard}");
}

#[test]
fn one_that_is_retired_takes_nothing_more_and_serves_those_under_way() {
    let mut side = Side::new(&[]);
    side.asks(1, GET).unwrap();
    side.http2.retire();
    assert_eq!((side.http2.room(), side.http2.keeps_alive()), (0, false));
    assert_eq!(side.says(&last_head(OK)), [(1, END)]);
}
