//! The framework's functions that the wrappers call, small enough for loom: objects with contexts,
//! references and children, memory, lookaside lists that do not keep what comes back, and requests that
//! wait in a queue.
//!
//! The rules are those of `docs/rules/*.md`. Whatever the framework does under one of its
//! locks, or interlocked, is one step; between two steps another thread may run.

use crate::kernel;
use kmdf::__private::Control;
use kmdf_sys::entry::FUNCTION_COUNT as BOUND_FUNCTIONS;
use kmdf_sys::loader::PWDF_BIND_INFO;
use kmdf_sys::*;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};
use std::collections::HashMap;
use std::ffi::CStr;
use std::mem::{take, transmute};
use std::ptr::{null_mut, with_exposed_provenance_mut};
use std::sync::Arc;

/// Where the context lies in an object's memory.
const CONTEXT: usize = 16;

/// Entries of the function table, for the version that drivers bind to.
const FUNCTION_COUNT: usize = BOUND_FUNCTIONS as usize;

/// The tag of the framework's allocations.
const TAG: ULONG = u32::from_le_bytes(*b"FxLm");

loom::lazy_static! {
    static ref FRAMEWORK: Framework = Framework::default();
}

/// The state of the framework, in one execution. Its own locks are never held across a step.
#[derive(Default)]
struct Framework {
    objects: std::sync::Mutex<HashMap<usize, Arc<Object>>>,
    driver: std::sync::Mutex<Option<Driver>>,
    /// The handle of the device made last.
    device: std::sync::Mutex<usize>,
    /// The handle of the queue made last that has a callback for requests.
    queue: std::sync::Mutex<usize>,
}

#[derive(Clone, Copy)]
struct Driver {
    handle: usize,
    add_device: PFN_WDF_DRIVER_DEVICE_ADD,
    unload: PFN_WDF_DRIVER_UNLOAD,
}

/// An object. Its handle is the address of its memory, which is the pool's, with the context in it.
struct Object {
    handle: usize,
    /// The address of its context's type.
    context_type: usize,
    kind: Kind,
    /// The handle of the device that it belongs to, which the object does not keep; 0 for none.
    device: usize,
    state: Mutex<State>,
}

enum Kind {
    Plain,
    Memory {
        buffer: usize,
        length: usize,
        pool: POOL_TYPE,
        list: Option<Arc<Object>>,
    },
    List {
        length: usize,
        pool: POOL_TYPE,
        tag: ULONG,
        memory: Attributes,
    },
    Queue {
        control: PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    },
    Request,
}

/// What is kept of `WDF_OBJECT_ATTRIBUTES`.
#[derive(Clone, Copy, Default)]
struct Attributes {
    parent: usize,
    context_type: usize,
    cleanup: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
    destroy: PFN_WDF_OBJECT_CONTEXT_DESTROY,
}

struct State {
    references: usize,
    /// Whether disposal has begun.
    disposing: bool,
    /// Whether `WdfObjectDelete` was called.
    deleted: bool,
    parent: Option<Arc<Object>>,
    children: Vec<Arc<Object>>,
    cleanup: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
    destroy: PFN_WDF_OBJECT_CONTEXT_DESTROY,
    /// Of a request: the type and the address of the context that was added.
    added: Option<(usize, usize)>,
    /// Of a request: the handle of the queue that it is in.
    queue: usize,
}

/// A lock of this framework's own.
fn own<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("a panic ends the test")
}

/// The object of a handle, which must be alive.
fn object(handle: usize) -> Arc<Object> {
    kernel::use_memory(handle);
    let objects = own(&FRAMEWORK.objects);
    Arc::clone(objects.get(&handle).expect("the handle of an object"))
}

fn driver() -> Driver {
    own(&FRAMEWORK.driver).expect("a driver is loaded")
}

impl Attributes {
    /// Reads an argument of a function of the table.
    fn read(attributes: *const WDF_OBJECT_ATTRIBUTES) -> Self {
        // SAFETY: Only the wrappers call the functions of the table, with a structure of their own or NULL.
        let Some(attributes) = (unsafe { attributes.as_ref() }) else {
            return Self::default();
        };
        Self {
            parent: attributes.ParentObject.addr(),
            context_type: attributes.ContextTypeInfo.expose_provenance(),
            cleanup: attributes.EvtCleanupCallback,
            destroy: attributes.EvtDestroyCallback,
        }
    }
}

impl Object {
    /// Makes an object in the order of OBJ-32, a child of the parent in the attributes or of the
    /// driver, if there is one.
    fn create(attributes: Attributes, kind: Kind) -> Result<Arc<Self>, NTSTATUS> {
        let parent = match (attributes.parent, *own(&FRAMEWORK.driver)) {
            // A request has no parent (REQ-2).
            _ if matches!(kind, Kind::Request) => None,
            (0, driver) => driver.map(|driver| object(driver.handle)),
            (parent, _) => Some(object(parent)),
        };
        let this = Arc::new(Self {
            handle: Self::allocate(attributes.context_type),
            context_type: attributes.context_type,
            kind,
            device: attributes.parent,
            state: Mutex::new(State {
                references: 1,
                disposing: false,
                deleted: false,
                parent: parent.clone(),
                children: Vec::new(),
                cleanup: None,
                destroy: None,
                added: None,
                queue: 0,
            }),
        });
        own(&FRAMEWORK.objects).insert(this.handle, Arc::clone(&this));
        if let Some(parent) = parent {
            let mut parent = parent.state();
            if parent.disposing {
                drop(parent);
                this.free();
                return Err(STATUS_DELETE_PENDING);
            }
            parent.children.push(Arc::clone(&this));
        }
        kernel::use_memory(this.handle);
        let mut state = this.state();
        state.cleanup = attributes.cleanup;
        state.destroy = attributes.destroy;
        drop(state);
        Ok(this)
    }

    /// Memory for an object with a context of this type.
    fn allocate(context_type: usize) -> usize {
        let info = with_exposed_provenance_mut::<WDF_OBJECT_CONTEXT_TYPE_INFO>(context_type);
        // SAFETY: A driver's context types are in statics.
        let size = unsafe { info.as_ref() }.map_or(0, |info| info.ContextSize);
        let handle = kernel::allocate(_POOL_TYPE::NonPagedPoolNx, CONTEXT + size, TAG);
        let context = with_exposed_provenance_mut::<u8>(handle + CONTEXT);
        // SAFETY: The memory was allocated above with this size.
        unsafe { context.write_bytes(0, size) };
        if has_control(context_type) {
            // SAFETY: Objects with this context type have a control there, which was allocated above.
            unsafe { context.cast::<Control>().write(Control::default()) };
        }
        handle
    }

    fn state(&self) -> loom::sync::MutexGuard<'_, State> {
        self.state.lock().expect("a panic ends the test")
    }

    fn reference(&self) {
        self.state().references += 1;
    }

    fn dereference(self: &Arc<Self>) {
        let mut state = self.state();
        state.references -= 1;
        if state.references == 0 {
            assert!(
                state.disposing,
                "the last reference of an object that was never deleted"
            );
            drop(state);
            let this = Arc::clone(self);
            self.at_its_level(move || this.destroy());
        }
    }

    fn destroy(&self) {
        let mut state = self.state();
        let (cleanup, destroy) = (state.cleanup.take(), state.destroy.take());
        drop(state);
        self.call(cleanup);
        self.call(destroy);
        self.free();
    }

    /// Whether the object is disposed of and destroyed at PASSIVE_LEVEL only (OBJ-57).
    fn needs_passive(&self) -> bool {
        match self.kind {
            Kind::Plain | Kind::Queue { .. } | Kind::Request => false,
            Kind::Memory { pool, .. } | Kind::List { pool, .. } => pool == _POOL_TYPE::PagedPool,
        }
    }

    /// Does `work` on the object, by way of a dispose list if the level does not allow it.
    fn at_its_level(&self, work: impl FnOnce() + Send + 'static) {
        if self.needs_passive() && !kernel::is_at_passive() {
            kernel::on_worker(work);
        } else {
            work();
        }
    }

    fn call(&self, callback: PFN_WDF_OBJECT_CONTEXT_CLEANUP) {
        if let Some(callback) = callback {
            // SAFETY: The driver gave this callback for the object, which is alive.
            unsafe { callback(with_exposed_provenance_mut(self.handle)) };
        }
    }

    /// The end of the memory: of a buffer, too, which may keep a lookaside list alive (MEM-65).
    fn free(&self) {
        if has_control(self.context_type) {
            let context = with_exposed_provenance_mut::<Control>(self.handle + CONTEXT);
            // SAFETY: `allocate` wrote the control, and the object is not used any more.
            unsafe { context.drop_in_place() };
        }
        if let Some((_, added)) = self.state().added {
            kernel::free(added, Some(TAG));
        }
        if let Kind::Memory {
            buffer, ref list, ..
        } = self.kind
        {
            kernel::free(buffer, None);
            if let Some(list) = list {
                list.dereference();
            }
        }
        own(&FRAMEWORK.objects).remove(&self.handle);
        kernel::free(self.handle, Some(TAG));
    }

    /// `WdfObjectDelete`, which has no effect while the object is deleted or disposed of already (OBJ-56).
    fn delete(self: &Arc<Self>) {
        let mut state = self.state();
        if state.deleted || state.disposing {
            return;
        }
        state.deleted = true;
        let parent = state.parent.clone();
        drop(state);
        if let Some(parent) = parent {
            let mut parent = parent.state();
            if parent.disposing {
                return;
            }
            parent.children.retain(|child| !Arc::ptr_eq(child, self));
        }
        if self.needs_passive() && !kernel::is_at_passive() {
            // The dispose list is the device's, which another thread may have removed by now (OBJ-58).
            drop(self.state());
            kernel::use_memory(self.device);
        }
        let this = Arc::clone(self);
        self.at_its_level(move || this.delete_tree());
    }

    /// Both passes over a tree that no other thread deletes (OBJ-52).
    fn delete_tree(self: &Arc<Self>) {
        self.dispose();
        self.give_up();
    }

    fn dispose(self: &Arc<Self>) {
        let mut state = self.state();
        state.disposing = true;
        let children = state.children.clone();
        drop(state);
        for child in children {
            child.dispose();
        }
        let cleanup = self.state().cleanup.take();
        self.call(cleanup);
    }

    fn give_up(self: &Arc<Self>) {
        let children = take(&mut self.state().children);
        for child in children {
            child.give_up();
        }
        self.dereference();
    }
}

/// Whether objects with this type of context are those that a value of the wrappers owns.
fn has_control(context_type: usize) -> bool {
    let info = with_exposed_provenance_mut::<WDF_OBJECT_CONTEXT_TYPE_INFO>(context_type);
    // SAFETY: A driver's context types are in statics.
    let Some(info) = (unsafe { info.as_ref() }) else {
        return false;
    };
    // SAFETY: The names end with a zero.
    (unsafe { CStr::from_ptr(info.ContextName) }) == c"kmdf owned object"
}

/// Loads a driver, by its entry point.
pub(crate) fn load(entry: unsafe extern "C" fn(PDRIVER_OBJECT, PUNICODE_STRING) -> NTSTATUS) {
    let mut object = DRIVER_OBJECT {
        Size: size_of::<DRIVER_OBJECT>() as _,
        ..DRIVER_OBJECT::default()
    };
    let mut path = UNICODE_STRING::default();
    // SAFETY: The entry point is called once in this execution, with a driver object and a path that live
    // during the call.
    let status = unsafe { entry(&mut object, &mut path) };
    assert_eq!(status, STATUS_SUCCESS, "the driver loads");
}

/// Lets the driver make a device, and returns its handle.
pub(crate) fn add_device() -> usize {
    let Driver {
        handle, add_device, ..
    } = driver();
    let add_device = add_device.expect("a driver with devices");
    // SAFETY: The wrappers hand the structure back to this framework alone.
    let status = unsafe { add_device(with_exposed_provenance_mut(handle), null_mut()) };
    assert_eq!(status, STATUS_SUCCESS, "the device is made");
    *own(&FRAMEWORK.device)
}

/// Deletes the device with this handle, as Plug and Play would.
pub(crate) fn remove_device(handle: usize) {
    object(handle).delete();
}

/// A request that waits in a queue.
pub(crate) struct Waiting {
    request: Arc<Object>,
    completed: AtomicBool,
}

/// Sends a request to the queue made last, whose callback forwards it to another.
pub(crate) fn send() -> Arc<Waiting> {
    let queue = *own(&FRAMEWORK.queue);
    let Kind::Queue { control } = object(queue).kind else {
        panic!("a queue with a callback");
    };
    let attributes = Attributes::default();
    let request = Object::create(attributes, Kind::Request).expect("nothing fails here");
    request.state().queue = queue;
    let control = control.expect("a queue with a callback");
    let (queue, handle) = (
        with_exposed_provenance_mut(queue),
        with_exposed_provenance_mut(request.handle),
    );
    // SAFETY: The driver gave this callback for the queue; both handles are alive.
    unsafe { control(queue, handle, 0, 0, 0) };
    Arc::new(Waiting {
        request,
        completed: AtomicBool::new(false),
    })
}

impl Waiting {
    /// Cancels the request, which nothing counts once it is out of its queue (REQ-37, REQ-54).
    pub(crate) fn cancel(&self) {
        let queue = std::mem::take(&mut self.request.state().queue);
        assert_ne!(queue, *own(&FRAMEWORK.queue), "the request was forwarded");
        self.request.dispose();
        self.completed.store(true, Ordering::Release);
        self.request.give_up();
    }

    /// Waits for the completion of the request, as its sender does.
    pub(crate) fn wait(&self) {
        while !self.completed.load(Ordering::Acquire) {
            loom::thread::yield_now();
        }
    }
}

/// Checks that the driver object alone is left.
pub(crate) fn assert_objects_destroyed() {
    let objects = own(&FRAMEWORK.objects).len();
    assert_eq!(objects, 1, "an object was not destroyed");
}

/// Unloads the driver. Its devices must have been removed.
pub(crate) fn unload() {
    let Driver { handle, unload, .. } = driver();
    if let Some(unload) = unload {
        // SAFETY: The driver gave this callback for its driver object, which is alive.
        unsafe { unload(with_exposed_provenance_mut(handle)) };
    }
    object(handle).delete_tree();
    let objects = own(&FRAMEWORK.objects);
    let mut left = objects.values();
    assert!(
        left.all(|object| matches!(object.kind, Kind::Request)),
        "a reference is leaked"
    );
}

/// The function table that drivers bind to.
static TABLE: [WDFFUNC; FUNCTION_COUNT] = {
    extern "C" fn missing() {
        panic!("none of these tests needs that function of the framework");
    }

    macro_rules! entries {
        ($table:ident, $($index:ident: $type:ident = $function:ident;)*) => {$({
            let function: $type = Some($function);
            // SAFETY: Both are function pointers; callers go through the entry's own type.
            let entry = unsafe { transmute::<$type, WDFFUNC>(function) };
            $table[_WDFFUNCENUM::$index as usize] = entry;
        })*};
    }

    let mut table: [WDFFUNC; FUNCTION_COUNT] = [Some(missing); FUNCTION_COUNT];
    entries!(table,
        WdfDriverCreateTableIndex: PFN_WDFDRIVERCREATE = driver_create;
        WdfDeviceCreateTableIndex: PFN_WDFDEVICECREATE = device_create;
        WdfObjectCreateTableIndex: PFN_WDFOBJECTCREATE = object_create;
        WdfObjectDeleteTableIndex: PFN_WDFOBJECTDELETE = object_delete;
        WdfObjectReferenceActualTableIndex: PFN_WDFOBJECTREFERENCEACTUAL = object_reference;
        WdfObjectDereferenceActualTableIndex: PFN_WDFOBJECTDEREFERENCEACTUAL = object_dereference;
        WdfObjectGetTypedContextWorkerTableIndex: PFN_WDFOBJECTGETTYPEDCONTEXTWORKER = object_context;
        WdfObjectContextGetObjectTableIndex: PFN_WDFOBJECTCONTEXTGETOBJECT = context_object;
        WdfObjectAllocateContextTableIndex: PFN_WDFOBJECTALLOCATECONTEXT = allocate_context;
        WdfIoQueueCreateTableIndex: PFN_WDFIOQUEUECREATE = queue_create;
        WdfIoQueueGetDeviceTableIndex: PFN_WDFIOQUEUEGETDEVICE = queue_device;
        WdfRequestGetIoQueueTableIndex: PFN_WDFREQUESTGETIOQUEUE = request_queue;
        WdfRequestForwardToIoQueueTableIndex: PFN_WDFREQUESTFORWARDTOIOQUEUE = request_forward;
        WdfMemoryCreateTableIndex: PFN_WDFMEMORYCREATE = memory_create;
        WdfMemoryGetBufferTableIndex: PFN_WDFMEMORYGETBUFFER = memory_buffer;
        WdfLookasideListCreateTableIndex: PFN_WDFLOOKASIDELISTCREATE = list_create;
        WdfMemoryCreateFromLookasideTableIndex: PFN_WDFMEMORYCREATEFROMLOOKASIDE = memory_from_list;
    );
    table
};

/// Binds a driver to this framework.
///
/// # Safety
///
/// Called by the entry point of a driver.
#[unsafe(no_mangle)]
unsafe extern "C" fn WdfVersionBind(
    _: PDRIVER_OBJECT,
    _: PUNICODE_STRING,
    info: PWDF_BIND_INFO,
    globals: *mut PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    /// All zero: the driver's unload routine is not displaced.
    static GLOBALS: [u64; size_of::<WDF_DRIVER_GLOBALS>() / 8] =
        [0; size_of::<WDF_DRIVER_GLOBALS>() / 8];
    // SAFETY: The entry point of a driver passes a valid structure.
    let table = unsafe { (*info).FuncTable }.cast::<*const WDFFUNC>();
    // A client with this many functions passes the address of its pointer to the table.
    put(table, (&raw const TABLE).cast());
    put(globals, (&raw const GLOBALS).cast_mut().cast());
    STATUS_SUCCESS
}

/// Ends the binding, of which nothing is kept.
///
/// # Safety
///
/// Called by the entry point of a driver.
#[unsafe(no_mangle)]
unsafe extern "C" fn WdfVersionUnbind(
    _: PUNICODE_STRING,
    _: PWDF_BIND_INFO,
    _: PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    STATUS_SUCCESS
}

/// Writes an output parameter of a function of the table.
fn put<T>(parameter: *mut T, value: T) {
    // SAFETY: Only the wrappers call the functions of the table, with the address of a variable of theirs.
    unsafe { parameter.write(value) };
}

/// The end of a call that creates an object: writes its handle, or returns why there is none.
fn created<H>(object: Result<Arc<Object>, NTSTATUS>, handle: *mut *mut H) -> NTSTATUS {
    match object {
        Ok(object) => {
            put(handle, with_exposed_provenance_mut(object.handle));
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

// The functions of the table. Only the wrappers call them, so that all arguments are valid.

unsafe extern "C" fn driver_create(
    _: PWDF_DRIVER_GLOBALS,
    _: PDRIVER_OBJECT,
    _: PCUNICODE_STRING,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    config: PWDF_DRIVER_CONFIG,
    handle: *mut WDFDRIVER,
) -> NTSTATUS {
    let attributes = Attributes::read(attributes);
    let object = Object::create(attributes, Kind::Plain);
    // SAFETY: The wrappers pass a structure of their own.
    let config = unsafe { &*config };
    *own(&FRAMEWORK.driver) = object.as_ref().ok().map(|object| Driver {
        handle: object.handle,
        add_device: config.EvtDriverDeviceAdd,
        unload: config.EvtDriverUnload,
    });
    created(object, handle)
}

unsafe extern "C" fn device_create(
    _: PWDF_DRIVER_GLOBALS,
    _: *mut PWDFDEVICE_INIT,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    handle: *mut WDFDEVICE,
) -> NTSTATUS {
    let attributes = Attributes::read(attributes);
    let object = Object::create(attributes, Kind::Plain);
    *own(&FRAMEWORK.device) = object.as_ref().map_or(0, |object| object.handle);
    created(object, handle)
}

unsafe extern "C" fn object_create(
    _: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    handle: *mut WDFOBJECT,
) -> NTSTATUS {
    let attributes = Attributes::read(attributes);
    created(Object::create(attributes, Kind::Plain), handle)
}

unsafe extern "C" fn object_delete(_: PWDF_DRIVER_GLOBALS, handle: WDFOBJECT) {
    object(handle.addr()).delete();
}

unsafe extern "C" fn object_reference(
    _: PWDF_DRIVER_GLOBALS,
    handle: WDFOBJECT,
    _: PVOID,
    _: LONG,
    _: PCCH,
) {
    object(handle.addr()).reference();
}

unsafe extern "C" fn object_dereference(
    _: PWDF_DRIVER_GLOBALS,
    handle: WDFOBJECT,
    _: PVOID,
    _: LONG,
    _: PCCH,
) {
    object(handle.addr()).dereference();
}

unsafe extern "C" fn object_context(
    _: PWDF_DRIVER_GLOBALS,
    handle: WDFOBJECT,
    context_type: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
) -> PVOID {
    let object = object(handle.addr());
    if object.context_type == context_type.addr() {
        return with_exposed_provenance_mut(object.handle + CONTEXT);
    }
    match object.state().added {
        Some((added, address)) if added == context_type.addr() => {
            with_exposed_provenance_mut(address)
        }
        _ => null_mut(),
    }
}

unsafe extern "C" fn allocate_context(
    _: PWDF_DRIVER_GLOBALS,
    handle: WDFOBJECT,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    _: *mut PVOID,
) -> NTSTATUS {
    let attributes = Attributes::read(attributes);
    let info = with_exposed_provenance_mut::<WDF_OBJECT_CONTEXT_TYPE_INFO>(attributes.context_type);
    // SAFETY: A driver's context types are in statics.
    let size = unsafe { (*info).ContextSize };
    let address = kernel::allocate(_POOL_TYPE::NonPagedPoolNx, size, TAG);
    // SAFETY: The memory was allocated above with this size.
    unsafe { with_exposed_provenance_mut::<u8>(address).write_bytes(0, size) };
    let object = object(handle.addr());
    let mut state = object.state();
    state.added = Some((attributes.context_type, address));
    state.cleanup = attributes.cleanup;
    state.destroy = attributes.destroy;
    STATUS_SUCCESS
}

unsafe extern "C" fn queue_create(
    _: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    config: PWDF_IO_QUEUE_CONFIG,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    handle: *mut WDFQUEUE,
) -> NTSTATUS {
    let attributes = Attributes {
        parent: device.addr(),
        ..Attributes::read(attributes)
    };
    // SAFETY: The wrappers pass a structure of their own.
    let control = unsafe { (*config).EvtIoDeviceControl };
    let object = Object::create(attributes, Kind::Queue { control });
    if let (Ok(object), Some(_)) = (&object, control) {
        *own(&FRAMEWORK.queue) = object.handle;
    }
    created(object, handle)
}

unsafe extern "C" fn queue_device(_: PWDF_DRIVER_GLOBALS, handle: WDFQUEUE) -> WDFDEVICE {
    with_exposed_provenance_mut(object(handle.addr()).device)
}

unsafe extern "C" fn request_queue(_: PWDF_DRIVER_GLOBALS, handle: WDFREQUEST) -> WDFQUEUE {
    with_exposed_provenance_mut(object(handle.addr()).state().queue)
}

unsafe extern "C" fn request_forward(
    _: PWDF_DRIVER_GLOBALS,
    handle: WDFREQUEST,
    queue: WDFQUEUE,
) -> NTSTATUS {
    object(handle.addr()).state().queue = queue.addr();
    STATUS_SUCCESS
}

unsafe extern "C" fn context_object(_: PWDF_DRIVER_GLOBALS, context: PVOID) -> WDFOBJECT {
    with_exposed_provenance_mut(object(context.addr() - CONTEXT).handle)
}

unsafe extern "C" fn memory_create(
    _: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    pool: POOL_TYPE,
    tag: ULONG,
    length: usize,
    handle: *mut WDFMEMORY,
    start: *mut PVOID,
) -> NTSTATUS {
    let attributes = Attributes::read(attributes);
    let buffer = kernel::allocate(pool, length, tag);
    let kind = Kind::Memory {
        buffer,
        length,
        pool,
        list: None,
    };
    put(start, with_exposed_provenance_mut(buffer));
    created(Object::create(attributes, kind), handle)
}

unsafe extern "C" fn memory_buffer(
    _: PWDF_DRIVER_GLOBALS,
    handle: WDFMEMORY,
    size: *mut usize,
) -> PVOID {
    let Kind::Memory { buffer, length, .. } = object(handle.addr()).kind else {
        panic!("a handle of other than memory");
    };
    put(size, length);
    with_exposed_provenance_mut(buffer)
}

unsafe extern "C" fn list_create(
    _: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    length: usize,
    pool: POOL_TYPE,
    memory: PWDF_OBJECT_ATTRIBUTES,
    tag: ULONG,
    handle: *mut WDFLOOKASIDE,
) -> NTSTATUS {
    let attributes = Attributes::read(attributes);
    let memory = Attributes::read(memory);
    let kind = Kind::List {
        length,
        pool,
        tag,
        memory,
    };
    created(Object::create(attributes, kind), handle)
}

unsafe extern "C" fn memory_from_list(
    _: PWDF_DRIVER_GLOBALS,
    handle: WDFLOOKASIDE,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    let list = object(handle.addr());
    let Kind::List {
        length,
        pool,
        tag,
        memory: attributes,
    } = list.kind
    else {
        panic!("a handle of other than a lookaside list");
    };
    list.reference();
    let buffer = kernel::allocate(pool, length, tag);
    let kind = Kind::Memory {
        buffer,
        length,
        pool,
        list: Some(list),
    };
    created(Object::create(attributes, kind), memory)
}
