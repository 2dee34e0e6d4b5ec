//! Users and groups, from `/etc/passwd` and `/etc/group`.

use std::fs;

/// A line of `/etc/passwd`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub full_name: String,
    pub home: String,
    pub shell: String,
}

/// A line of `/etc/group`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Group {
    pub name: String,
    pub gid: u32,
    pub members: Vec<String>,
}

/// All users. None where the file cannot be read.
pub fn users() -> Vec<User> {
    users_in(&String::from_utf8_lossy(&fs::read("/etc/passwd").unwrap_or_default()))
}

/// All groups. None where the file cannot be read.
pub fn groups() -> Vec<Group> {
    groups_in(&String::from_utf8_lossy(&fs::read("/etc/group").unwrap_or_default()))
}

/// The users in a text like `/etc/passwd`. Lines that are none are passed over.
pub fn users_in(text: &str) -> Vec<User> {
    let user = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, full_name, home, shell] = fields[..] else { return None };
        Some(User {
            name: name.into(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            full_name: full_name.into(),
            home: home.into(),
            shell: shell.into(),
        })
    };
    text.lines().filter_map(user).collect()
}

/// The groups in a text like `/etc/group`. Lines that are none are passed over.
pub fn groups_in(text: &str) -> Vec<Group> {
    let group = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = fields[..] else { return None };
        let members = members.split(',').filter(|member| !member.is_empty()).map(String::from).collect();
        Some(Group { name: name.into(), gid: gid.parse().ok()?, members })
    };
    text.lines().filter_map(group).collect()
}

/// The user of this name.
pub fn user_by_name(name: &str) -> Option<User> {
    users().into_iter().find(|user| user.name == name)
}

/// The user of this number.
pub fn user_by_id(uid: u32) -> Option<User> {
    users().into_iter().find(|user| user.uid == uid)
}

/// The group of this name.
pub fn group_by_name(name: &str) -> Option<Group> {
    groups().into_iter().find(|group| group.name == name)
}

/// The group of this number.
pub fn group_by_id(gid: u32) -> Option<Group> {
    groups().into_iter().find(|group| group.gid == gid)
}

/// The user of a name, or of a number.
pub fn uid_of(text: &str) -> Option<u32> {
    user_by_name(text).map(|user| user.uid).or_else(|| text.parse().ok())
}

/// The group of a name, or of a number.
pub fn gid_of(text: &str) -> Option<u32> {
    group_by_name(text).map(|group| group.gid).or_else(|| text.parse().ok())
}

/// The groups a user is in: their own, and those that list them.
pub fn groups_of(user: &User) -> Vec<u32> {
    let listed = groups().into_iter().filter(|group| group.members.contains(&user.name)).map(|group| group.gid);
    let mut all = vec![user.gid];
    all.extend(listed.filter(|gid| *gid != user.gid));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_users_are_passed_over() {
        let users = users_in("root:x:0:0:root:/root:/bin/sh\n\n# a comment\nbroken:x:one:2:::\n");
        assert_eq!(users.len(), 1);
        assert_eq!((users[0].name.as_str(), users[0].home.as_str()), ("root", "/root"));
        let groups = groups_in("root:x:0:\nstaff:x:50:ann,ben\n");
        assert_eq!(groups[1].members, ["ann", "ben"]);
    }
}
