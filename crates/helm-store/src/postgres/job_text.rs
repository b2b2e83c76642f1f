//! Texts of the bodies of jobs, for statements that are put together when compiled.

/// A text of a body. `->>` reads the whole body, and fails at a NUL, which the column may hold; U+FFFD stands for it.
macro_rules! job_text {
    ($field:literal) => {
        concat!(
            r"(CASE WHEN strpos(body::text, '\u0000') = 0 THEN body
                ELSE regexp_replace(body::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::json END ->> '",
            $field,
            "')"
        )
    };
}
pub(super) use job_text;
