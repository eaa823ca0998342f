use super::*;

fn named(names: &[&str]) -> Wanted {
    Wanted { named: names.iter().map(|&name| name.to_owned()).collect(), ..Wanted::default() }
}

#[test]
fn the_table_is_sorted_and_has_no_doubles() {
    assert!(ALL.is_sorted_by(|a, b| a < b));
    assert!(TWENTY.is_sorted_by(|a, b| a < b));
}

#[test]
fn nothing_asked_for_means_the_twenty() {
    assert_eq!(Wanted::default().codes().unwrap(), TWENTY);
}

#[test]
fn every_means_all_pairs_of_letters() {
    let every = Wanted { every: true, ..Wanted::default() }.codes().unwrap();
    assert_eq!(every.len(), 676);
    assert_eq!((every[0].as_str(), every[675].as_str()), ("AA", "ZZ"));
}

#[test]
fn a_letter_means_all_pairs_that_start_with_it() {
    let codes = named(&["b", "AD"]).codes().unwrap();
    assert_eq!(codes.len(), 27);
    assert_eq!((codes[0].as_str(), codes[1].as_str()), ("AD", "BA"));
}

#[test]
fn a_code_named_twice_is_wanted_once() {
    assert_eq!(named(&["se", "SE", "Se"]).codes().unwrap(), ["SE"]);
}

#[test]
fn a_limit_takes_the_first_in_order() {
    let wanted = Wanted { limit: Some(2), ..named(&["ZW", "SE", "AD"]) };
    assert_eq!(wanted.codes().unwrap(), ["AD", "SE"]);
}

#[test]
fn names_beside_all_or_every_change_nothing() {
    for (all, every, count) in [(true, false, 249), (false, true, 676), (true, true, 676)] {
        assert_eq!(Wanted { all, every, ..named(&["b"]) }.codes().unwrap().len(), count);
        assert!(Wanted { all, every, ..named(&["SWE"]) }.codes().is_err());
    }
}

#[test]
fn what_is_no_code_is_refused_by_name() {
    for junk in ["", "SWE", "S1", "ZZ", "É", "ÅL", "..", "a/b", "\0\0"] {
        assert_eq!(named(&["SE", junk]).codes(), Err(UnknownCode(junk.into())), "{junk:?}");
    }
}

#[test]
fn a_server_elsewhere_may_have_codes_that_nobody_assigned() {
    let wanted = Wanted { unassigned: true, ..named(&["xk"]) };
    assert_eq!(wanted.codes().unwrap(), ["XK"]);
    let wanted = Wanted { unassigned: true, ..named(&["xk1"]) };
    assert!(wanted.codes().is_err());
}
