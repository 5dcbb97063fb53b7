/// The version of quern: printed by `--version` and recorded in what it writes.
package let quernVersion = "0.1.0"
