/* Installs, opens and removes the device of a driver package. Built for Wine, where there is neither devgen nor pnputil.

   device install INF HARDWARE-ID   makes a root-enumerated device and installs the INF for it
   device open HARDWARE-ID          waits for the device's interfaces, opens each, and prints their paths
   device remove HARDWARE-ID        removes the devices with this hardware ID

   Exit code 0: done. 1: a call failed; standard error names it, with the last error. 2: wrong usage. */

#include <stdio.h>
#include <wchar.h>
#include <windows.h>
#include <setupapi.h>
#include <newdev.h>
#include <objbase.h>

#define PATIENCE_MILLISECONDS 20000
#define LONGEST 512

static int failed(const char *call)
{
    fprintf(stderr, "%s failed with error %#lx\n", call, GetLastError());
    return 1;
}

static int install(const wchar_t *inf, const wchar_t *hardware_id)
{
    GUID class;
    wchar_t class_name[LONGEST];
    SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};
    /* A list of one string: a second zero ends it. */
    wchar_t hardware_ids[LONGEST] = {0};
    BOOL restart = FALSE;
    HDEVINFO set;

    if (wcslen(hardware_id) + 2 > LONGEST) return 2;
    wcscpy(hardware_ids, hardware_id);
    if (!SetupDiGetINFClassW(inf, &class, class_name, LONGEST, NULL)) return failed("SetupDiGetINFClass");
    set = SetupDiCreateDeviceInfoList(&class, NULL);
    if (set == INVALID_HANDLE_VALUE) return failed("SetupDiCreateDeviceInfoList");
    if (!SetupDiCreateDeviceInfoW(set, class_name, &class, NULL, NULL, DICD_GENERATE_ID, &device))
        return failed("SetupDiCreateDeviceInfo");
    if (!SetupDiSetDeviceRegistryPropertyW(set, &device, SPDRP_HARDWAREID, (BYTE *)hardware_ids,
                                           (wcslen(hardware_id) + 2) * sizeof(wchar_t)))
        return failed("SetupDiSetDeviceRegistryProperty");
    if (!SetupDiCallClassInstaller(DIF_REGISTERDEVICE, set, &device))
        return failed("SetupDiCallClassInstaller(DIF_REGISTERDEVICE)");
    if (!UpdateDriverForPlugAndPlayDevicesW(NULL, hardware_id, inf, INSTALLFLAG_FORCE, &restart))
        return failed("UpdateDriverForPlugAndPlayDevices");
    SetupDiDestroyDeviceInfoList(set);
    return 0;
}

static BOOL has_hardware_id(HDEVINFO set, SP_DEVINFO_DATA *device, const wchar_t *hardware_id)
{
    wchar_t first[LONGEST] = {0};

    return SetupDiGetDeviceRegistryPropertyW(set, device, SPDRP_HARDWAREID, NULL, (BYTE *)first,
                                             sizeof(first) - 2 * sizeof(wchar_t), NULL)
        && !_wcsicmp(first, hardware_id);
}

/* Opens the interfaces of one class that the device has. The number of them, or -1 if one could not be opened. */
static int open_class(const GUID *class, const wchar_t *hardware_id)
{
    SP_DEVICE_INTERFACE_DATA found = {.cbSize = sizeof(found)};
    union
    {
        SP_DEVICE_INTERFACE_DETAIL_DATA_W data;
        BYTE bytes[sizeof(SP_DEVICE_INTERFACE_DETAIL_DATA_W) + LONGEST * sizeof(wchar_t)];
    } detail;
    int opened = 0;
    DWORD index;
    HDEVINFO set = SetupDiGetClassDevsW(class, NULL, NULL, DIGCF_PRESENT | DIGCF_DEVICEINTERFACE);

    if (set == INVALID_HANDLE_VALUE) return 0;
    for (index = 0; SetupDiEnumDeviceInterfaces(set, NULL, class, index, &found); index++)
    {
        SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};
        HANDLE file;

        detail.data.cbSize = sizeof(detail.data);
        if (!SetupDiGetDeviceInterfaceDetailW(set, &found, &detail.data, sizeof(detail), NULL, &device)) continue;
        if (!has_hardware_id(set, &device, hardware_id)) continue;
        file = CreateFileW(detail.data.DevicePath, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        if (file == INVALID_HANDLE_VALUE)
        {
            fprintf(stderr, "%ls: ", detail.data.DevicePath);
            failed("CreateFile");
            opened = -1;
            break;
        }
        CloseHandle(file);
        printf("%ls\n", detail.data.DevicePath);
        opened++;
    }
    SetupDiDestroyDeviceInfoList(set);
    return opened;
}

/* Opens the device's interfaces, whatever their classes are. As for open_class. */
static int open_all(const wchar_t *hardware_id)
{
    static const wchar_t classes[] = L"System\\CurrentControlSet\\Control\\DeviceClasses";
    wchar_t name[64];
    int opened = 0;
    DWORD index, length = ARRAYSIZE(name);
    HKEY key;

    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, classes, 0, KEY_READ, &key)) return 0;
    for (index = 0; !RegEnumKeyExW(key, index, name, &length, NULL, NULL, NULL, NULL); index++)
    {
        GUID class;
        int count;

        length = ARRAYSIZE(name);
        if (CLSIDFromString(name, &class)) continue;
        count = open_class(&class, hardware_id);
        if (count < 0) return count;
        opened += count;
    }
    RegCloseKey(key);
    return opened;
}

static int open_device(const wchar_t *hardware_id)
{
    ULONGLONG end = GetTickCount64() + PATIENCE_MILLISECONDS;
    int opened;

    while (!(opened = open_all(hardware_id)))
    {
        if (GetTickCount64() > end)
        {
            fprintf(stderr, "no interface of a device %ls appeared: the driver did not start, or registers none\n",
                    hardware_id);
            return 1;
        }
        Sleep(50);
    }
    return opened < 0;
}

static int remove_devices(const wchar_t *hardware_id)
{
    DWORD index;
    int removed = 0;
    SP_DEVINFO_DATA device = {.cbSize = sizeof(device)};
    HDEVINFO set = SetupDiGetClassDevsW(NULL, NULL, NULL, DIGCF_ALLCLASSES);

    if (set == INVALID_HANDLE_VALUE) return failed("SetupDiGetClassDevs");
    for (index = 0; SetupDiEnumDeviceInfo(set, index, &device); index++)
    {
        if (!has_hardware_id(set, &device, hardware_id)) continue;
        if (!SetupDiCallClassInstaller(DIF_REMOVE, set, &device)) return failed("SetupDiCallClassInstaller(DIF_REMOVE)");
        removed++;
    }
    SetupDiDestroyDeviceInfoList(set);
    if (!removed) fprintf(stderr, "there is no device %ls\n", hardware_id);
    return !removed;
}

int wmain(int count, wchar_t **arguments)
{
    if (count == 4 && !wcscmp(arguments[1], L"install")) return install(arguments[2], arguments[3]);
    if (count == 3 && !wcscmp(arguments[1], L"open")) return open_device(arguments[2]);
    if (count == 3 && !wcscmp(arguments[1], L"remove")) return remove_devices(arguments[2]);
    fprintf(stderr, "usage: device install INF HARDWARE-ID | open HARDWARE-ID | remove HARDWARE-ID\n");
    return 2;
}
