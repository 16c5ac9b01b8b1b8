use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbroken\nalice:x:1001:1001::/:/bin/sh\n:x:1002:1::/:\nlate:x:0:0::/:\n";
const GROUP: &str =
    "root:x:0:\nbroken\nsafekit:x:900:alice,bob\nempty:x:901:\nsafekit2:x:902:eve\n";

#[test]
fn names_and_groups_are_found() {
    assert_eq!(name_in(PASSWD, 0).as_deref(), Some("root"));
    assert_eq!(name_in(PASSWD, 1001).as_deref(), Some("alice"));
    assert_eq!(name_in(PASSWD, 1002), None);
    assert_eq!(name_in(PASSWD, 1003), None);
    assert_eq!(group_in(GROUP, "safekit"), Some(900));
    assert_eq!(group_in(GROUP, "broken"), None);
    assert_eq!(group_in(GROUP, "safe"), None);
}

#[test]
fn members_are_whole_names() {
    assert!(member_in(GROUP, 900, "alice"));
    assert!(member_in(GROUP, 900, "bob"));
    for (gid, user) in [(900, "ali"), (900, "eve"), (900, ""), (902, "bob"), (7, "alice")] {
        assert!(!member_in(GROUP, gid, user), "{gid} {user}");
    }
}

#[test]
fn nobody_is_in_a_group_without_members() {
    assert!(!member_in(GROUP, 901, "alice"));
}

#[test]
fn groups_of_a_process_count_for_its_owner_only() {
    let status = "Name:\tsh\nUid:\t1001\t1001\t1001\t1001\nGid:\t1\t1\t1\t1\nGroups:\t27 900 \n";
    assert_eq!(groups_in(status, 1001), [27, 900]);
    assert_eq!(groups_in(status, 1002), [0; 0]);
    let changed = status.replace("Uid:\t1001", "Uid:\t1002");
    assert_eq!(groups_in(&changed, 1001), [0; 0]);
    assert_eq!(groups_in("", 0), [0; 0]);
}

#[test]
fn host_knows_root_and_this_process() {
    let host = HostUsers;
    assert_eq!(host.name(0).as_deref(), Some("root"));
    assert_eq!(host.group("root"), Some(0));
    let status = read("/proc/self/status");
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(host.groups_of_process(std::process::id(), uid), groups_in(&status, uid));
    assert!(host.groups_of_process(0, uid).is_empty());
    assert!(host.groups_of_process(std::process::id(), uid.wrapping_add(1)).is_empty());
}
