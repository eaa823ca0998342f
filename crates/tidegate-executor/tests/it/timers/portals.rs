//! Callbacks of portals.

use super::*;

#[test]
fn a_callback_may_drop_the_last_handle_of_its_portal() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for portal in [Portal::start(), Portal::current()] {
            let census = Census::default();
            let (token, (sender, receiver)) = (census.token(), channel());
            let never = portal.call_later(HOUR, move || drop(token));
            let last = Arc::new(Mutex::new(None));
            let own = Arc::clone(&last);
            let (hold, _begun, gate) = holds();
            portal.call_soon(move || {
                hold();
                drop(own.lock().unwrap().take());
                sender.send(()).unwrap();
            });
            *last.lock().unwrap() = Some(portal);
            gate.open();
            receiver.recv().unwrap();
            assert!(never.is_cancelled());
            assert_eq!(census.alive(), 0);
        }
    }
}

#[test]
fn a_portal_calls_soon_later_and_in_order() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for portal in [Portal::start(), Portal::current()] {
            let (sender, receiver) = channel();
            let send = |what| {
                let sender = sender.clone();
                move || sender.send(what).unwrap()
            };
            // Until all of them are called, the loop is held up: whatever is due by then, the earlier comes first.
            let (hold, _begun, gate) = holds();
            portal.call_soon(hold);
            let soon = portal.call_soon(send(1));
            portal.call_at(soon.when() + Duration::from_millis(2), send(3));
            portal.call_at(soon.when() + Duration::from_millis(1), send(2));
            let never = portal.call_later(HOUR, send(4));
            gate.open();
            let got: Vec<_> = (0..3).map(|_| receiver.recv().unwrap()).collect();
            assert_eq!(got, [1, 2, 3]);
            assert!(never.cancel());
        }
    }
}

#[test]
fn a_portal_that_is_closed_drops_its_callbacks_and_those_that_come() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for portal in [Portal::start(), Portal::current()] {
            let census = Census::default();
            let call = || {
                let token = census.token();
                portal.call_later(HOUR, move || drop(token))
            };
            let early = call();
            assert_eq!(census.alive(), 1);
            portal.close();
            let late = call();
            assert_eq!(census.alive(), 0);
            assert!(early.is_cancelled() && late.is_cancelled());
            assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
        }
        let other = call_later(HOUR, || ());
        assert!(other.cancel(), "the loop of the runtime is another");
    }
}

#[test]
fn a_portal_that_is_closed_by_a_callback_or_while_one_runs_begins_no_other() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for portal in [Portal::start(), Portal::current()] {
            let (hold, has_started, gate) = holds();
            let log = Log::default();
            let now = Instant::now();
            let first = portal.call_at(now, hold);
            let second = portal.call_at(now, log.note(2));
            has_started.recv().unwrap();
            portal.close();
            assert!(second.is_cancelled() && !first.is_cancelled());
            gate.open();
            assert!(!first.cancel());
            assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
            assert!(log.so_far().is_empty());
        }
        let portal = Portal::current();
        let (log, inner) = (Log::default(), portal.clone());
        let (sender, receiver) = channel();
        portal.call_soon(move || {
            let after = inner.call_soon(log.note(1));
            inner.close();
            sender.send((after.is_cancelled(), log)).unwrap();
        });
        let (is_cancelled, log) = receiver.recv().unwrap();
        assert!(is_cancelled && log.so_far().is_empty());
    }
}
