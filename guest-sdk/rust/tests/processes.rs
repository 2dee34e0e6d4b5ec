//! The checks on the host. In a container `examples/selftest.rs` does the same.

mod checks;

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            checks::$name();
        })*

        #[test]
        fn every_check_is_a_test() {
            assert_eq!(checks::CHECKS.len(), [$(stringify!($name)),*].len());
        }
    };
}

tests! {
    output_reads_both_streams_at_once
    a_child_reads_what_is_written_to_it
    environment_directory_and_name_are_the_commands
    a_program_that_is_missing_is_an_error_of_spawn
    streams_can_be_exchanged
    a_killed_child_says_by_what
    umask_and_groups_are_the_childs
    a_handler_is_called_and_put_back
    masks_are_given_back
    poll_tells_what_can_be_read
    descriptors_carry_their_flags
    modes_types_and_links_are_told
    raw_mode_is_given_back
}
