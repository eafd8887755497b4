package design

import "regexp"

// The schemas of the eight kinds, after python/drydock_provisioner/schemas of
// Drydock. One thing differs: an interface may be null (its documentation says
// that null removes it, its schema refuses it). What its schemas leave open
// stays open, even where only a misspelt keyword opened it (repositories,
// hugepages); what its object model refuses then is refused while decoding.
var schemas = map[string]*schema{
	"Region":          regionSchema(),
	"Rack":            rackSchema(),
	"NetworkLink":     linkSchema(),
	"Network":         networkSchema(),
	"HardwareProfile": hardwareSchema(),
	"HostProfile":     object(hostProps(openObject(props{"vf_count": number, "trustmode": boolean}))),
	"BaremetalNode":   nodeSchema(),
	"BootAction":      bootActionSchema(),
}

type props = map[string]*schema

func object(p props) *schema        { return &schema{kind: kindMap, props: p} }
func openObject(p props) *schema    { return &schema{kind: kindMap, props: p, open: true} }
func mapOf(rest *schema) *schema    { return &schema{kind: kindMap, rest: rest} }
func listOf(items *schema) *schema  { return &schema{kind: kindList, items: items} }
func oneOf(words ...string) *schema { return &schema{kind: kindText, enum: words} }

func matching(pattern string) *schema {
	return &schema{kind: kindText, pattern: regexp.MustCompile(pattern)}
}

var (
	text    = &schema{kind: kindText}
	number  = &schema{kind: kindNumber}
	boolean = &schema{kind: kindBool}
	texts   = listOf(text)
	textMap = mapOf(text)
	anyMap  = openObject(nil)
)

func regionSchema() *schema {
	tag := object(props{"tag": text, "definition_type": oneOf("lshw_xpath"), "definition": text})
	repositories := openObject(props{"remove_unlisted": boolean})
	return object(props{"tag_definitions": listOf(tag), "authorized_keys": texts, "repositories": repositories})
}

func rackSchema() *schema {
	return object(props{
		"tor_switches":   openObject(props{"mgmt_ip": text, "sdn_api_uri": text}),
		"location":       openObject(props{"clli": text, "grid": text}),
		"local_networks": texts,
		"labels":         anyMap,
	})
}

func linkSchema() *schema {
	return object(props{
		"bonding": object(props{
			"mode": text, "hash": text, "peer_rate": text,
			"mon_rate": number, "up_delay": number, "down_delay": number,
		}),
		"mtu":              number,
		"linkspeed":        text,
		"trunking":         object(props{"mode": text, "default_network": text}),
		"allowed_networks": texts,
		"labels":           anyMap,
	})
}

func networkSchema() *schema {
	return object(props{
		"cidr": text, "mtu": number, "vlan": text, "routedomain": text, "labels": anyMap,
		"ranges":     listOf(object(props{"type": text, "start": text, "end": text})),
		"dns":        object(props{"domain": text, "servers": text}),
		"dhcp_relay": object(props{"self_ip": text, "upstream_target": text}),
		"routes":     listOf(object(props{"subnet": text, "gateway": text, "metric": number, "routedomain": text})),
	})
}

func hardwareSchema() *schema {
	return object(props{
		"vendor": text, "generation": text, "hw_version": text, "bios_version": text,
		"boot_mode": oneOf("bios", "uefi"), "bootstrap_protocol": oneOf("pxe", "usb", "hdd"),
		"pxe_interface":  number,
		"device_aliases": anyMap,
		"cpu_sets":       textMap,
		"hugepages":      mapOf(anyMap),
	})
}

func nodeSchema() *schema {
	p := hostProps(nil)
	p["addressing"] = listOf(openObject(props{"network": text, "address": text}))
	return object(p)
}

// hostProps are the members that HostProfile and BaremetalNode share. Drydock has
// a schema of virtual functions in the former only.
func hostProps(sriov *schema) props {
	nic := openObject(props{"device_link": text, "slaves": texts, "networks": texts})
	nic.nullable = true
	if sriov != nil {
		nic.props["sriov"] = sriov
	}
	return props{
		"host_profile": text, "hardware_profile": text, "primary_network": text,
		"oob":        openObject(props{"type": text, "network": text, "account": text, "credential": text}),
		"storage":    storageSchema(),
		"interfaces": mapOf(nic),
		"platform":   object(props{"image": text, "kernel": text, "kernel_params": anyMap}),
		"metadata":   object(props{"tags": texts, "owner_data": textMap, "rack": text, "boot_mac": text}),
	}
}

func storageSchema() *schema {
	filesystem := props{"mountpoint": text, "fstype": text, "mount_options": text, "fs_uuid": text, "fs_label": text}
	partition := object(props{
		"name": text, "size": text, "bootable": boolean, "part_uuid": text, "volume_group": text,
		"labels": textMap, "filesystem": object(filesystem),
	})
	volume := openObject(props{"name": text, "size": text, "lv_uuid": text, "filesystem": openObject(filesystem)})
	return openObject(props{
		"physical_devices": mapOf(openObject(props{
			"labels": textMap, "volume_group": text, "partitions": listOf(partition),
		})),
		"volume_groups": mapOf(openObject(props{"vg_uuid": text, "logical_volumes": listOf(volume)})),
	})
}

func bootActionSchema() *schema {
	packages := mapOf(&schema{kind: kindText, nullable: true})
	asset := object(props{
		"type": oneOf("unit", "file", "pkg_list"), "path": matching(`^/.+`), "location": text,
		"permissions":       matching(`\d{3}`),
		"data":              {either: []*schema{text, packages}},
		"location_pipeline": listOf(oneOf("template")),
		"data_pipeline":     listOf(oneOf("base64_encode", "template", "base64_decode", "utf8_encode", "utf8_decode")),
	})
	asset.required = []string{"type"}
	filter := object(props{
		"filter_type": oneOf("intersection", "union"), "node_names": texts, "node_tags": texts,
		"node_labels": anyMap, "rack_names": texts, "rack_labels": anyMap,
	})
	return object(props{
		"signaling": boolean,
		"assets":    listOf(asset),
		"node_filter": object(props{
			"filter_set_type": oneOf("intersection", "union"), "filter_set": listOf(filter),
		}),
	})
}
