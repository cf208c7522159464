//! WDF_OBJECT_ATTRIBUTES: the checks that every create call makes of them.

use crate::driver::globals::Globals;
use crate::object::handle;
use kmdf_sys::{
    _WDF_EXECUTION_LEVEL, _WDF_SYNCHRONIZATION_SCOPE, NTSTATUS, PWDF_OBJECT_ATTRIBUTES,
    STATUS_INFO_LENGTH_MISMATCH, STATUS_WDF_EXECUTION_LEVEL_INVALID,
    STATUS_WDF_OBJECT_ATTRIBUTES_INVALID, STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED,
    STATUS_WDF_PARENT_NOT_SPECIFIED, STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID, ULONG,
    WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_CONTEXT_TYPE_INFO,
};

/// What a create call makes of the parent in its attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    Optional,
    Required,
    Forbidden,
}

/// What a create call allows in its attributes (OBJ-30).
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) required: bool,
    pub(crate) parent: Parent,
    pub(crate) level: bool,
    pub(crate) scope: bool,
}

impl Rules {
    /// Optional attributes with an optional parent, without level and scope.
    pub(crate) const PLAIN: Self = Self {
        required: false,
        parent: Parent::Optional,
        level: false,
        scope: false,
    };
}

/// Size of the type information before version 1.1, which ends after the context size.
const OLD_TYPE_INFO_SIZE: usize = 24;

/// Makes the checks OBJ-16 to OBJ-28 in their order; `None` stands for absent attributes.
///
/// # Safety
///
/// `attributes` is NULL or points at attributes, and their type information likewise, that stay
/// unchanged for `'a`.
pub(crate) unsafe fn validate<'a>(
    attributes: PWDF_OBJECT_ATTRIBUTES,
    rules: Rules,
) -> Result<Option<&'a WDF_OBJECT_ATTRIBUTES>, NTSTATUS> {
    // SAFETY: By the contract of this function.
    let Some(given) = (unsafe { attributes.as_ref() }) else {
        return if rules.required {
            Err(STATUS_WDF_PARENT_NOT_SPECIFIED)
        } else {
            Ok(None)
        };
    };
    if !has_right_size(given) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    // SAFETY: By the contract of this function.
    unsafe { validate_context(given) }?;
    if rules.parent == Parent::Forbidden && !given.ParentObject.is_null() {
        return Err(STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
    }
    if rules.parent == Parent::Required && given.ParentObject.is_null() {
        return Err(STATUS_WDF_PARENT_NOT_SPECIFIED);
    }
    validate_constraints(given, rules)?;
    Ok(Some(given))
}

fn has_right_size(attributes: &WDF_OBJECT_ATTRIBUTES) -> bool {
    attributes.Size == size_of::<WDF_OBJECT_ATTRIBUTES>() as ULONG
}

/// OBJ-19 to OBJ-22.
///
/// # Safety
///
/// The type information is NULL or readable up to the size that it states.
unsafe fn validate_context(attributes: &WDF_OBJECT_ATTRIBUTES) -> Result<(), NTSTATUS> {
    let info = attributes.ContextTypeInfo;
    if info.is_null() {
        return if attributes.ContextSizeOverride > 0 {
            Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID)
        } else {
            Ok(())
        };
    }
    // SAFETY: By the contract of this function; all sizes include this field.
    let size = unsafe { (*info).Size } as usize;
    if size != size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() && size != OLD_TYPE_INFO_SIZE {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    // SAFETY: As above.
    let context_size = unsafe { (*info).ContextSize };
    // SAFETY: As above.
    let name = unsafe { (*info).ContextName };
    if context_size > 0 && name.is_null() {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    if attributes.ContextSizeOverride > 0 && attributes.ContextSizeOverride < context_size {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    Ok(())
}

/// OBJ-25 to OBJ-28.
fn validate_constraints(attributes: &WDF_OBJECT_ATTRIBUTES, rules: Rules) -> Result<(), NTSTATUS> {
    use _WDF_EXECUTION_LEVEL as Level;
    use _WDF_SYNCHRONIZATION_SCOPE as Scope;

    let level = attributes.ExecutionLevel;
    let scope = attributes.SynchronizationScope;
    let levels = Level::WdfExecutionLevelInheritFromParent..=Level::WdfExecutionLevelDispatch;
    let scopes =
        Scope::WdfSynchronizationScopeInheritFromParent..=Scope::WdfSynchronizationScopeNone;
    if !levels.contains(&level) || !scopes.contains(&scope) {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    let neutral_scope = scope == Scope::WdfSynchronizationScopeInheritFromParent
        || scope == Scope::WdfSynchronizationScopeNone;
    if !rules.scope && !neutral_scope {
        return Err(STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID);
    }
    if !rules.level && level != Level::WdfExecutionLevelInheritFromParent {
        return Err(STATUS_WDF_EXECUTION_LEVEL_INVALID);
    }
    Ok(())
}

/// OBJ-31: the globals of the parent if one is given in attributes of the right size, else the
/// caller's. A parent that is no object of the framework stops the run.
///
/// # Safety
///
/// `attributes` is NULL or points at attributes.
pub(crate) unsafe fn globals_of_parent(
    globals: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
) -> Option<&Globals> {
    // SAFETY: By the contract of this function.
    let given = unsafe { attributes.as_ref() }?;
    if !has_right_size(given) || given.ParentObject.is_null() {
        return None;
    }
    // SAFETY: The parent is a live object as long as the call runs, by the contract of all create
    // calls.
    let parent = unsafe { handle::object(globals, c"parent", given.ParentObject) };
    Some(parent.globals())
}

/// OBJ-13: the size of the context that the attributes ask for.
///
/// # Safety
///
/// `attributes` passed [`validate`] and are unchanged.
pub(crate) unsafe fn context_size(attributes: Option<&WDF_OBJECT_ATTRIBUTES>) -> usize {
    let Some(given) = attributes else { return 0 };
    if given.ContextTypeInfo.is_null() {
        return 0;
    }
    if given.ContextSizeOverride != 0 {
        return given.ContextSizeOverride;
    }
    // SAFETY: Validated, so the type information is readable.
    unsafe { (*given.ContextTypeInfo).ContextSize }
}
