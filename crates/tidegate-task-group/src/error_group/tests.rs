use std::error::Error;
use std::fmt;
use std::io;

use super::*;

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer failed")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// office { printer { no paper, no ink }, no coffee, basement { disk } }
fn office() -> ErrorGroup {
    let mut printer: ErrorGroup = ErrorGroup::new("printing failed");
    printer.push("no paper");
    printer.push("no ink");
    let mut basement: ErrorGroup = ErrorGroup::new("the basement failed");
    basement.push(Outer(io::Error::other("disk full")));
    let mut office: ErrorGroup = ErrorGroup::new("the office failed");
    office.push(printer);
    office.push("no coffee");
    office.push(basement);
    office
}

fn leaves<E: ToString>(group: &ErrorGroup<E>) -> Vec<String> {
    group.leaves().map(ToString::to_string).collect()
}

/// The tree without its places.
fn drawn<E>(group: &ErrorGroup<E>) -> String {
    let lines = format!("{group:?}");
    let lines = lines.lines().map(|line| line.split(" (at ").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tree_is_drawn_with_its_groups_and_causes() {
    let expected = "\
the office failed (4 errors)
├─ printing failed (2 errors)
│  ├─ no paper
│  └─ no ink
├─ no coffee
└─ the basement failed (1 error)
   └─ outer failed
      caused by: disk full";
    assert_eq!(drawn(&office()), expected);
    assert_eq!(format!("{:#}", office()), format!("{:?}", office()));
}

#[test]
fn every_error_shows_the_place_it_was_pushed_at() {
    let mut group: ErrorGroup = ErrorGroup::new("group");
    group.push("boom");
    let line = line!() - 1;
    assert!(format!("{group:?}").ends_with(&format!("boom (at {}:{line}:11)", file!())));
    let origin = group.details().next().unwrap().origin;
    assert_eq!(origin.location().unwrap().line(), line);
}

#[test]
fn display_is_one_line_however_many_lines_the_messages_have() {
    assert_eq!(
        office().to_string(),
        "the office failed (4 errors): no paper; no ink; no coffee; and 1 more"
    );
    let mut group: ErrorGroup = ErrorGroup::new("a\nb");
    assert_eq!(group.to_string(), "a b");
    group.push("c\r\nd");
    assert_eq!(group.to_string(), "a b (1 error): c d");
}

#[test]
fn the_lines_of_a_long_message_stay_under_it() {
    let mut inner: ErrorGroup = ErrorGroup::new("inner");
    inner.push("one\ntwo");
    let mut group: ErrorGroup = ErrorGroup::new("group");
    group.push(inner);
    group.push("three\nfour");
    assert_eq!(
        drawn(&group),
        "group (3 errors)\n├─ inner (1 error)\n│  └─ one\n│     two\n└─ three\n   four"
            .replace("3 errors", "2 errors")
    );
}

#[test]
fn leaves_are_in_the_order_in_which_they_came() {
    assert_eq!(leaves(&office()), ["no paper", "no ink", "no coffee", "outer failed"]);
    assert_eq!(office().len(), 4);
    assert_eq!(office().leaves().next_back().unwrap().to_string(), "outer failed");
    assert!(ErrorGroup::<BoxError>::new("nothing").is_empty());
}

#[test]
fn contains_looks_into_boxes_and_along_their_sources() {
    let office = office();
    assert!(office.contains::<Outer>());
    assert!(office.contains::<io::Error>());
    assert!(!office.contains::<fmt::Error>());
}

#[test]
fn contains_knows_typed_errors_and_anyhows() {
    let mut typed = ErrorGroup::<Outer>::new("typed");
    typed.push(Outer(io::Error::other("disk full")));
    assert!(typed.contains::<Outer>() && typed.contains::<io::Error>());

    let mut any = ErrorGroup::<anyhow::Error>::new("any");
    any.push(anyhow::Error::from(Outer(io::Error::other("disk full"))).context("starting"));
    assert!(any.contains::<io::Error>());
    assert_eq!(any.to_string(), "any (1 error): starting");
    assert!(drawn(&any).ends_with("caused by: outer failed\n   caused by: disk full"));
}

#[test]
fn split_keeps_the_shape_on_both_sides_and_drops_empty_groups() {
    let (ink, rest) = office().split(|error| error.to_string() == "no ink");
    assert_eq!(
        drawn(&ink.unwrap()),
        "the office failed (1 error)\n└─ printing failed (1 error)\n   └─ no ink"
    );
    assert_eq!(leaves(&rest.unwrap()), ["no paper", "no coffee", "outer failed"]);

    let (none, all) = office().split(|_| false);
    assert!(none.is_none());
    assert_eq!(drawn(&all.unwrap()), drawn(&office()));
    let (all, none) = office().split(|_| true);
    assert!(none.is_none());
    assert_eq!(drawn(&all.unwrap()), drawn(&office()));
}

#[test]
fn a_subgroup_borrows() {
    let office = office();
    let no = office.subgroup(|error| error.to_string().starts_with("no ")).unwrap();
    assert_eq!(no.len(), 3);
    assert_eq!(leaves(&no), ["no paper", "no ink", "no coffee"]);
    assert_eq!(no.to_string(), "the office failed (3 errors): no paper; no ink; no coffee");
    let disk = office.subgroup(|error| error.is::<Outer>()).unwrap();
    assert!(disk.contains::<io::Error>());
    assert!(disk.subgroup_is_an_error());
    assert!(office.subgroup(|_| false).is_none());
    assert_eq!(office.len(), 4);
}

trait IsError: Error {
    fn subgroup_is_an_error(&self) -> bool {
        true
    }
}
impl<E: Error> IsError for E {}

#[test]
fn except_takes_one_kind_out_of_the_whole_tree() {
    let mut taken = Vec::new();
    let rest = office().except::<Outer>(|errors| taken = errors).unwrap_err();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].0.to_string(), "disk full");
    assert_eq!(leaves(&rest), ["no paper", "no ink", "no coffee"]);
    assert!(!drawn(&rest).contains("basement"));
}

#[test]
fn except_does_not_call_its_handler_for_nothing() {
    let rest = office().except::<fmt::Error>(|_| panic!("called")).unwrap_err();
    assert_eq!(drawn(&rest), drawn(&office()));
}

#[test]
fn except_is_ok_when_nothing_is_left() {
    let mut group: ErrorGroup = ErrorGroup::new("group");
    group.push(fmt::Error);
    let mut inner: ErrorGroup = ErrorGroup::new("inner");
    inner.push(fmt::Error);
    group.push(inner);
    let mut found = 0;
    group.except::<fmt::Error>(|errors| found = errors.len()).unwrap();
    assert_eq!(found, 2);
    assert!(ErrorGroup::<BoxError>::new("nothing").except::<fmt::Error>(|_| ()).is_ok());
}

#[test]
fn except_takes_typed_errors_as_they_are() {
    let mut group: ErrorGroup<io::Error> = ErrorGroup::new("group");
    group.push(io::Error::other("disk full"));
    let group = group.except::<fmt::Error>(|_| panic!("called")).unwrap_err();
    group.except::<io::Error>(|errors| assert_eq!(errors.len(), 1)).unwrap();
}

#[test]
fn into_first_is_the_error_that_came_first() {
    assert_eq!(office().into_first().to_string(), "no paper");
}

#[test]
fn into_first_of_nothing_says_so() {
    let panic = std::panic::catch_unwind(|| ErrorGroup::<io::Error>::new("nothing").into_first());
    let panic = panic.unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "no error to take out of: nothing");
}

#[test]
fn flatten_keeps_the_errors_and_their_order() {
    let flat = office().flatten();
    assert_eq!(leaves(&flat), leaves(&office()));
    assert_eq!(drawn(&flat).lines().filter(|line| line.contains("failed (")).count(), 1);
}

#[test]
fn the_source_is_the_only_error_or_nothing() {
    assert!(office().source().is_none());
    let mut one: ErrorGroup = ErrorGroup::new("one");
    assert!(one.source().is_none());
    one.push(Outer(io::Error::other("disk full")));
    assert!(one.source().unwrap().is::<Outer>());
    assert!(one.source().unwrap().source().unwrap().is::<io::Error>());
}

#[test]
fn anyhow_takes_it_and_gives_it_back() {
    fn fails() -> anyhow::Result<()> {
        Err(office())?;
        Ok(())
    }
    let error = fails().unwrap_err();
    assert_eq!(error.downcast_ref::<ErrorGroup>().unwrap().len(), 4);
    assert!(format!("{error:?}").contains("no paper; no ink"));
}

#[test]
fn thiserror_takes_it_with_from() {
    #[derive(Debug, thiserror::Error)]
    enum Mine {
        #[error("several: {0}")]
        Several(#[from] ErrorGroup),
    }
    fn fails() -> Result<(), Mine> {
        Err(office())?;
        Ok(())
    }
    let Mine::Several(group) = fails().unwrap_err();
    assert_eq!(group.len(), 4);
}

#[test]
fn a_group_in_an_anyhow_error_is_a_subtree_again() {
    let mut inner = ErrorGroup::<anyhow::Error>::new("inner");
    inner.push(anyhow::anyhow!("boom"));
    let mut outer = ErrorGroup::<anyhow::Error>::new("outer");
    outer.push(anyhow::Error::from(inner));
    assert_eq!(drawn(&outer), "outer (1 error)\n└─ inner (1 error)\n   └─ boom");
}

#[test]
fn it_is_an_error_whatever_it_holds() {
    struct Opaque;
    fn is_error<T: Error>() {}
    fn goes_everywhere<T: Error + Send + Sync + Unpin + 'static>() {}
    is_error::<ErrorGroup<Opaque>>();
    goes_everywhere::<ErrorGroup>();
    goes_everywhere::<ErrorGroup<io::Error>>();
    goes_everywhere::<ErrorGroup<anyhow::Error>>();

    let mut local: ErrorGroup<Box<dyn Error>> = ErrorGroup::new("local");
    local.push("boom");
    assert_eq!(local.to_string(), "local (1 error): boom");
    let mut unit: ErrorGroup<()> = ErrorGroup::new("unit");
    unit.push(());
    assert_eq!(unit.to_string(), "unit (1 error): ()");
    let mut text: ErrorGroup<&'static str> = ErrorGroup::new("text");
    text.push("boom");
    assert_eq!(drawn(&text), "text (1 error)\n└─ boom");
    assert!(text.source().is_none());
    let shared: std::sync::Arc<dyn Error + Send + Sync> = "boom".to_owned().into_shared();
    let mut group: ErrorGroup = ErrorGroup::new("shared");
    group.push(shared);
    assert_eq!(group.to_string(), "shared (1 error): boom");
}

trait IntoShared {
    fn into_shared(self) -> std::sync::Arc<dyn Error + Send + Sync>;
}
impl IntoShared for String {
    fn into_shared(self) -> std::sync::Arc<dyn Error + Send + Sync> {
        std::sync::Arc::from(BoxError::from(self))
    }
}

/// Counts how many of its kind there are.
#[derive(Debug)]
struct Counted(#[expect(dead_code, reason = "counted by the others")] std::sync::Arc<()>);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counted")
    }
}

impl Error for Counted {}

#[test]
fn an_error_in_a_box_of_its_own_is_found_and_taken_out() {
    let mut errors: ErrorGroup = ErrorGroup::new("two boxes");
    errors.push(Box::new(Outer(io::Error::other("disk full"))));
    assert!(errors.contains::<Outer>() && errors.contains::<io::Error>());
    assert!(!errors.contains::<fmt::Error>());
    let errors = errors.except::<fmt::Error>(|_| unreachable!("there is none")).unwrap_err();
    let mut found = Vec::new();
    errors.except::<Outer>(|taken| found = taken).unwrap();
    assert_eq!(found[0].0.to_string(), "disk full");
}

#[test]
fn ten_thousand_errors_are_counted_and_a_thousand_are_kept() {
    let alive = std::sync::Arc::new(());
    let mut group: ErrorGroup = ErrorGroup::new("many");
    for _ in 0..10_000 {
        group.push(Counted(alive.clone()));
    }
    assert_eq!(group.len(), 10_000);
    assert_eq!(group.omitted(), 10_000 - KEPT);
    assert_eq!(group.leaves().count(), KEPT);
    assert_eq!(std::sync::Arc::strong_count(&alive), KEPT + 1);
    assert!(group.to_string().len() < 200);
    assert!(format!("{group:?}").ends_with(&format!("and {} more", 10_000 - DRAWN)));
    assert!(group.source().is_none());
    // Those that were dropped were not looked at, so they cannot have been handled.
    let rest = group.except::<Counted>(|errors| assert_eq!(errors.len(), KEPT)).unwrap_err();
    assert_eq!((rest.len(), rest.leaves().count()), (10_000 - KEPT, 0));
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
}

const DRAWN: usize = 64;

#[test]
fn a_full_group_takes_what_fits_of_another() {
    let mut inner: ErrorGroup<&'static str> = ErrorGroup::new("inner");
    (0..600).for_each(|_| inner.push("inner"));
    let mut outer: ErrorGroup<&'static str> = ErrorGroup::new("outer");
    (0..600).for_each(|_| outer.push("outer"));
    outer.push_group(inner);
    assert_eq!((outer.len(), outer.omitted()), (1200, 1200 - KEPT));
    assert_eq!(outer.leaves().filter(|&&leaf| leaf == "inner").count(), KEPT - 600);
    let mut more: ErrorGroup<&'static str> = ErrorGroup::new("more");
    more.push("more");
    outer.push_group(more);
    assert_eq!((outer.len(), outer.leaves().count()), (1201, KEPT));
    assert_eq!(outer.flatten().leaves().count(), KEPT);
}

#[test]
fn a_full_group_keeps_nothing_of_another_that_does_not_fit() {
    let mut outer: ErrorGroup<&'static str> = ErrorGroup::new("outer");
    (0..KEPT).for_each(|_| outer.push("outer"));
    let kept = outer.entries.len();
    for _ in 0..10_000 {
        let mut inner: ErrorGroup<&'static str> = ErrorGroup::new("inner");
        inner.push("inner");
        outer.push_group(inner);
    }
    assert_eq!((outer.len(), outer.omitted()), (KEPT + 10_000, 10_000));
    assert_eq!(outer.entries.len(), kept);
}

#[test]
fn a_very_deep_tree_overflows_no_stack() {
    let mut group: ErrorGroup = ErrorGroup::new("0");
    group.push("boom");
    for n in 1..100_000 {
        let mut outer = ErrorGroup::new(n.to_string());
        outer.push_group(group);
        group = outer;
    }
    assert_eq!(leaves(&group), ["boom"]);
    assert_eq!(format!("{group:?}").lines().count(), 100_001);
    let (all, none) = group.split(|_| true);
    assert!(none.is_none());
    let group = all.unwrap();
    assert!(group.subgroup(|_| true).is_some());
    assert_eq!(group.flatten().into_first().to_string(), "boom");
}
