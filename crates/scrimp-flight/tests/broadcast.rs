//! One source, many readers.

mod common;

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::SeqCst},
    task::{Context, Poll, Waker},
    time::Duration,
};

use common::{Ended, Source, Step, Tape, poll, read, script, terms, waker};
use scrimp_flight::broadcast::{Pumped, Reader, Stop};

const LARGE: usize = 1 << 20;

fn source(max_bytes: usize, budget: usize, steps: &[Step]) -> (Arc<Source>, Tape) {
    let (script, tape) = script(steps);
    let source = Source::new(terms(max_bytes, budget), VecDeque::new(), script);
    (source, tape)
}

#[test]
fn a_late_comer_reads_from_the_first_byte_until_the_log_closes() {
    let steps = [Step::Chunk("ab"), Step::Chunk("cd"), Step::Wait];
    let (source, tape) = source(4, LARGE, &steps);
    let mut first = Reader::new(&source).unwrap();
    assert!(matches!(poll(&mut first), Poll::Ready(Ok(chunk)) if chunk == "ab"));
    let mut late = Reader::new(&source).unwrap();
    source.settled();
    assert!(matches!(poll(&mut first), Poll::Ready(Ok(chunk)) if chunk == "cd"));
    assert_eq!(
        source.channel().closed.load(SeqCst),
        1,
        "it is at its limit"
    );
    assert_eq!(read(&mut late).0, "abcd");
    tape.wake();
    assert!(matches!(read(&mut first).1, Some(Stop::Over)));
    assert!(matches!(read(&mut late).1, Some(Stop::Over)));
    assert!(Reader::new(&source).is_none());
}

#[test]
fn a_wake_of_the_source_goes_to_all_who_wait_and_one_of_them_polls_it() {
    let (source, tape) = source(LARGE, LARGE, &[Step::Wait, Step::Chunk("x"), Step::Wait]);
    let (mut one, mut other) = (Reader::new(&source).unwrap(), Reader::new(&source).unwrap());
    let ((first, firsts), (second, seconds)) = (waker(), waker());
    assert!(one.poll(&mut Context::from_waker(&first)).is_pending());
    assert!(other.poll(&mut Context::from_waker(&second)).is_pending());
    tape.wake();
    assert_eq!((firsts.take(), seconds.take()), (1, 1));
    // The one that is woken and does not come holds the other up in nothing.
    assert_eq!(read(&mut other).0, "x");
    assert_eq!(read(&mut one).0, "x");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_behind_is_waited_for_once_and_then_cut_off() {
    let (source, _) = source(2, LARGE, &[Step::Chunk("ab"), Step::Chunk("cd")]);
    let (mut slow, mut fast) = (Reader::new(&source).unwrap(), Reader::new(&source).unwrap());
    source.settled();
    assert_eq!(read(&mut fast).0, "ab");
    assert!(
        poll(&mut fast).is_pending(),
        "the other has not read it yet"
    );
    tokio::time::advance(Duration::from_millis(101)).await;
    assert_eq!(read(&mut fast).0, "cd");
    assert!(matches!(read(&mut slow), (text, Some(Stop::CutOff)) if text.is_empty()));
}

#[test]
fn memory_is_given_back_when_it_has_been_read_or_left() {
    let (source, tape) = source(LARGE, LARGE, &[Step::Chunk("abc"), Step::Wait]);
    let mut reader = Reader::new(&source).unwrap();
    source.settled();
    assert_eq!(read(&mut reader).0, "abc");
    assert_eq!(source.channel().budget.held(), 3);
    drop(reader);
    assert!(tape.is_dropped(), "no reader wants it");
    assert_eq!((source.channel().budget.held(), source.held()), (0, 0));
    assert!(Reader::new(&source).is_none());
}

#[test]
fn what_is_over_the_budget_is_kept_for_no_late_comer() {
    let (source, _) = source(
        LARGE,
        1,
        &[Step::Chunk("ab"), Step::Chunk("cd"), Step::Wait],
    );
    let mut reader = Reader::new(&source).unwrap();
    source.settled();
    assert_eq!(read(&mut reader).0, "abcd");
    assert_eq!(source.channel().budget.held(), 0);
    assert!(Reader::new(&source).is_none());
}

#[test]
fn a_panic_is_one_readers_and_a_lost_end_to_the_rest() {
    let (source, _) = source(LARGE, LARGE, &[Step::Chunk("x"), Step::Panic]);
    let (mut one, mut other) = (Reader::new(&source).unwrap(), Reader::new(&source).unwrap());
    assert!(catch_unwind(AssertUnwindSafe(|| read(&mut one))).is_err());
    let (text, stop) = read(&mut other);
    assert_eq!(text, "x");
    assert!(matches!(stop, Some(Stop::End(Ended::Lost))));
}

#[test]
fn all_readers_get_the_end_although_the_channel_panics_when_it_is_told() {
    let (source, _) = source(LARGE, LARGE, &[Step::Chunk("x"), Step::EndAndPanic]);
    let (mut one, mut other) = (Reader::new(&source).unwrap(), Reader::new(&source).unwrap());
    assert!(catch_unwind(AssertUnwindSafe(|| read(&mut one))).is_err());
    let (text, stop) = read(&mut other);
    assert_eq!(text, "x");
    assert!(matches!(stop, Some(Stop::Over)));
    assert!(matches!(read(&mut one).1, Some(Stop::Over)));
    assert_eq!(source.channel().closed.load(SeqCst), 1);
}

#[test]
fn an_end_that_says_something_is_told_once_to_each_reader() {
    let (source, _) = source(LARGE, LARGE, &[Step::Fail]);
    for _ in 0..2 {
        let mut reader = Reader::new(&source).unwrap();
        assert!(!reader.is_over());
        assert!(matches!(
            read(&mut reader).1,
            Some(Stop::End(Ended::Failed))
        ));
        assert!(matches!(read(&mut reader).1, Some(Stop::Over)));
        assert!(reader.is_over());
    }
}

#[test]
fn a_pump_reads_ahead_by_as_much_as_the_log_may_hold() {
    let steps = [Step::Chunk("ab"), Step::Chunk("cd"), Step::Chunk("ef")];
    let (script, _) = script(&steps);
    let (mut pump, mut reader) = Source::ahead(terms(4, LARGE), script);
    let (woken, wakes) = waker();
    let cx = &Context::from_waker(&woken);
    let pumped = [pump.poll(cx), pump.poll(cx), pump.poll(cx)];
    assert_eq!(pumped, [Pumped::Again, Pumped::Again, Pumped::Full]);
    wakes.take();
    assert!(matches!(poll(&mut reader), Poll::Ready(Ok(chunk)) if chunk == "ab"));
    assert_eq!((wakes.take(), pump.broadcast().held()), (1, 2));
    let pumped = [pump.poll(cx), pump.poll(cx)];
    assert_eq!(pumped, [Pumped::Again, Pumped::Full]);
    assert_eq!(read(&mut reader).0, "cdef");
    assert!(poll(&mut reader).is_pending(), "the source is the pump's");
    assert_eq!(
        [pump.poll(cx), pump.poll(cx)],
        [Pumped::Again, Pumped::Over]
    );
    assert!(matches!(read(&mut reader).1, Some(Stop::Over)));
}

#[test]
fn a_pump_hears_once_that_its_reader_has_gone_and_may_go_on() {
    let (script, tape) = script(&[Step::Chunk("ab"), Step::Wait, Step::Chunk("cd")]);
    let (mut pump, reader) = Source::ahead(terms(2, LARGE), script);
    let (woken, wakes) = waker();
    let cx = &Context::from_waker(&woken);
    assert_eq!(
        [pump.poll(cx), pump.poll(cx)],
        [Pumped::Again, Pumped::Full]
    );
    wakes.take();
    drop(reader);
    assert_eq!((wakes.take(), tape.is_dropped()), (1, false));
    let pumped = [pump.poll(cx), pump.poll(cx)];
    assert_eq!(pumped, [Pumped::Alone, Pumped::Pending]);
    assert_eq!(pump.broadcast().held(), 0);
    tape.wake();
    assert_eq!(
        [pump.poll(cx), pump.poll(cx)],
        [Pumped::Again, Pumped::Again]
    );
    assert_eq!(pump.poll(cx), Pumped::Over);
}

#[test]
fn a_pump_that_goes_leaves_the_source_to_the_reader_and_drops_it_without_one() {
    let (source, tape) = script(&[Step::Chunk("ab"), Step::Wait]);
    let (mut pump, mut reader) = Source::ahead(terms(LARGE, LARGE), source);
    let broadcast = Arc::clone(pump.broadcast());
    assert_eq!(
        pump.poll(&Context::from_waker(Waker::noop())),
        Pumped::Again
    );
    drop(pump);
    assert_eq!(read(&mut reader).0, "ab");
    assert!(!tape.is_dropped());
    drop(reader);
    assert!(tape.is_dropped(), "even while its waker is held elsewhere");
    assert_eq!(broadcast.channel().closed.load(SeqCst), 1);

    let (source, tape) = script(&[Step::Wait]);
    let (pump, reader) = Source::ahead(terms(LARGE, LARGE), source);
    drop(reader);
    assert!(!tape.is_dropped());
    drop(pump);
    assert!(tape.is_dropped());
}
