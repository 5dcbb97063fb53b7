/// The version of quern: told by the command and recorded in what it writes.
package let quernVersion = "0.1.0"
