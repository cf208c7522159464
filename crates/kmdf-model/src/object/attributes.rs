//! WDF_OBJECT_ATTRIBUTES: the checks that every create call makes of them.

use crate::driver::globals::Globals;
use crate::object::{Object, handle};
use kmdf_sys::{
    _WDF_EXECUTION_LEVEL, _WDF_SYNCHRONIZATION_SCOPE, NTSTATUS, PCWDF_OBJECT_CONTEXT_TYPE_INFO,
    PWDF_OBJECT_ATTRIBUTES, STATUS_INFO_LENGTH_MISMATCH, STATUS_WDF_EXECUTION_LEVEL_INVALID,
    STATUS_WDF_OBJECT_ATTRIBUTES_INVALID, STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED,
    STATUS_WDF_PARENT_NOT_SPECIFIED, STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID, ULONG,
    WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_CONTEXT_TYPE_INFO,
};

/// Attributes that passed [`validate`], or none.
///
/// # Invariants
///
/// For `'a` the attributes stay unchanged, their type information is readable up to the size that it
/// states, and their parent is NULL or the handle of a live object.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a>(Option<&'a WDF_OBJECT_ATTRIBUTES>);

impl<'a> Attributes<'a> {
    /// Absent attributes, which every call without requirements takes.
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn get(self) -> Option<&'a WDF_OBJECT_ATTRIBUTES> {
        self.0
    }

    /// The parent that the attributes name. One that is no object of the framework stops the run.
    pub(crate) fn parent(self, globals: &Globals) -> Option<&'a Object> {
        let parent = self.0?.ParentObject;
        // SAFETY: The parent is a live object, by the invariant.
        (!parent.is_null()).then(|| unsafe { handle::object(globals, c"parent", parent) })
    }

    /// The size of the context that the attributes ask for (OBJ-13).
    pub(crate) fn context_size(self) -> usize {
        let Some(given) = self.0 else { return 0 };
        if given.ContextTypeInfo.is_null() {
            return 0;
        }
        if given.ContextSizeOverride != 0 {
            return given.ContextSizeOverride;
        }
        // SAFETY: The type information is readable, by the invariant.
        unsafe { (*given.ContextTypeInfo).ContextSize }
    }

    pub(crate) fn type_info(self) -> PCWDF_OBJECT_CONTEXT_TYPE_INFO {
        self.0
            .map_or(core::ptr::null(), |given| given.ContextTypeInfo)
    }

    /// A copy for objects that are created later.
    pub(crate) fn to_stored(self) -> StoredAttributes {
        StoredAttributes(self.0.copied())
    }
}

/// A copy of attributes for objects that are created later, as requests and file objects are.
///
/// # Invariants
///
/// The type information is the driver's static data. A parent, which only the memories of a lookaside
/// list have, is the driver's to keep alive while it takes from the list (MEM-54, MEM-58).
#[derive(Clone, Copy)]
pub(crate) struct StoredAttributes(Option<WDF_OBJECT_ATTRIBUTES>);

impl StoredAttributes {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn get(&self) -> Attributes<'_> {
        Attributes(self.0.as_ref())
    }
}

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

/// Checks the attributes of a create call, in the order in which Windows does (OBJ-16 to OBJ-28).
///
/// # Safety
///
/// `attributes` must be NULL or point at attributes that stay unchanged for `'a`. Their type
/// information must be NULL or readable, their parent NULL or the handle of an object that stays
/// alive for `'a`.
pub(crate) unsafe fn validate<'a>(
    attributes: PWDF_OBJECT_ATTRIBUTES,
    rules: Rules,
) -> Result<Attributes<'a>, NTSTATUS> {
    // SAFETY: `attributes` is NULL or readable, as the caller guarantees.
    let Some(given) = (unsafe { attributes.as_ref() }) else {
        return if rules.required {
            Err(STATUS_WDF_PARENT_NOT_SPECIFIED)
        } else {
            Ok(Attributes::NONE)
        };
    };
    if !has_right_size(given) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    // SAFETY: The caller guarantees that the type information is NULL or readable.
    unsafe { validate_context(given) }?;
    if rules.parent == Parent::Forbidden && !given.ParentObject.is_null() {
        return Err(STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
    }
    if rules.parent == Parent::Required && given.ParentObject.is_null() {
        return Err(STATUS_WDF_PARENT_NOT_SPECIFIED);
    }
    validate_constraints(given, rules)?;
    Ok(Attributes(Some(given)))
}

fn has_right_size(attributes: &WDF_OBJECT_ATTRIBUTES) -> bool {
    attributes.Size == size_of::<WDF_OBJECT_ATTRIBUTES>() as ULONG
}

/// Checks the type information and the sizes of the context (OBJ-19 to OBJ-22).
///
/// # Safety
///
/// The type information must be NULL or readable up to the size that it states.
unsafe fn validate_context(attributes: &WDF_OBJECT_ATTRIBUTES) -> Result<(), NTSTATUS> {
    let info = attributes.ContextTypeInfo;
    if info.is_null() {
        return if attributes.ContextSizeOverride > 0 {
            Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID)
        } else {
            Ok(())
        };
    }
    // SAFETY: `info` is readable up to its size, and all sizes include this field.
    let size = unsafe { (*info).Size } as usize;
    if size != size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() && size != OLD_TYPE_INFO_SIZE {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    // SAFETY: Both sizes that got here include the context size.
    let context_size = unsafe { (*info).ContextSize };
    // SAFETY: Both sizes that got here include the name.
    let name = unsafe { (*info).ContextName };
    if context_size > 0 && name.is_null() {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    if attributes.ContextSizeOverride > 0 && attributes.ContextSizeOverride < context_size {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    Ok(())
}

/// Checks execution level and synchronization scope (OBJ-25 to OBJ-28).
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

/// The globals of the parent that attributes of the right size name (OBJ-31). A parent that is no object
/// of the framework stops the run.
///
/// # Safety
///
/// `attributes` must be NULL or readable, their parent NULL or the handle of a live object.
pub(crate) unsafe fn globals_of_parent(
    globals: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
) -> Option<&Globals> {
    // SAFETY: `attributes` is NULL or readable, as the caller guarantees.
    let given = unsafe { attributes.as_ref() }?;
    if !has_right_size(given) || given.ParentObject.is_null() {
        return None;
    }
    // SAFETY: The parent is a live object, as the caller guarantees.
    let parent = unsafe { handle::object(globals, c"parent", given.ParentObject) };
    Some(parent.globals())
}
