use super::*;

#[test]
fn the_count_of_readers_has_room_for_all_who_may_come_to_read() {
    let full = MAX_READERS * READER;
    assert!(Access::Read.may_enter(full - READER));
    assert!(!Access::Read.may_enter(full));
    // Else whoever may upgrade and goes on as a reader could run the count over, one after the other.
    assert!(Access::Upgradable.may_enter(full - READER));
    assert!(!Access::Upgradable.may_enter(full));
    assert!(full.checked_add(READER + UPGRADABLE + WRITER + WAITERS).is_some());
}

#[test]
fn who_may_be_inside_with_whom() {
    for (inside, read, upgradable, write, upgrade) in [
        (0, true, true, true, true),
        (READER, true, true, false, false),
        (UPGRADABLE, true, false, false, true),
        (UPGRADABLE + READER, true, false, false, false),
        (WRITER, false, false, false, false),
        (WRITER + UPGRADABLE, false, false, false, false),
    ] {
        let may = [Access::Read, Access::Upgradable, Access::Write, Access::Upgrade]
            .map(|it| it.may_enter(inside));
        assert_eq!(may, [read, upgradable, write, upgrade], "{inside}");
        assert_eq!(
            may,
            [Access::Read, Access::Upgradable, Access::Write, Access::Upgrade]
                .map(|it| it.may_enter(inside | WAITERS))
        );
    }
}
