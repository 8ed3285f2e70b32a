package node

import (
	"testing"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/org"
)

// What a single server has sealed in the database all servers of the cluster that it becomes can open.
func TestAClusterSealsWithTheFirstServersKey(t *testing.T) {
	for name, secretKey := range map[string]string{"a file": "", "the configuration": "0123456789abcdef0123456789abcdef"} {
		t.Run(name, func(t *testing.T) {
			cfg := Defaults()
			cfg.Data, cfg.SecretKey = config.Dir(t.TempDir()), secretKey
			alone, err := openVault(cfg)
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := alone.Seal("a hook", []byte("its secret"))
			if err != nil {
				t.Fatal(err)
			}
			_, password, err := Found(t.Context(), cfg, join.Founding{Name: "one", Advertise: "127.0.0.1"})
			if err != nil || password == "" {
				t.Fatalf("the first password is %q, %v", password, err)
			}
			told, err := ForHost(cfg.Data, config.RoleServer)
			if err != nil {
				t.Fatal(err)
			}
			again := ""
			if err := atDatabase(t.Context(), told, func(_ join.Deps, people *org.Org) (err error) { // as a server does when it starts
				again, err = people.Bootstrap(t.Context(), "")
				return err
			}); err != nil || again != "" {
				t.Errorf("a server makes another first password: %q, %v", again, err)
			}
			told.Data, told.SecretKey = config.Dir(t.TempDir()), "" // as on another host
			vault, err := openVault(told)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := vault.Open("a hook", sealed); err != nil || string(text) != "its secret" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}
